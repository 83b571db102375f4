"""How long a job will take, from the newest runs of the same workflow on this pod."""

import statistics
from collections import OrderedDict, deque
from collections.abc import Iterable

from backend.core.events import EventBus
from backend.jobs.models import Job, JobChanged, JobState
from backend.jobs.store import JobStore

RUNS = 20
MAX_WORKFLOWS = 200

Durations = deque[float]


class Estimates:
    """Keeps the durations of the workflows that pages show, so that a list costs no query for each row."""

    def __init__(self, store: JobStore, events: EventBus):
        self._store = store
        self._durations: OrderedDict[str, Durations] = OrderedDict()
        events.subscribe(JobChanged, lambda event: self._note(event.job))

    async def seconds(self, job: Job) -> float | None:
        """Return the median of runs of the same prompt, else of the same template; None where there are none."""
        return await self.of_prompt(job.prompt_hash) or (
            await self.of_template(job.template) if job.template else None
        )

    async def of_prompt(self, prompt_hash: str) -> float | None:
        if (durations := self._cached(_prompt_key(prompt_hash))) is None:
            durations = self._keep(
                _prompt_key(prompt_hash), await self._store.runs_of_prompt(prompt_hash, RUNS)
            )
        return _median(durations)

    async def of_template(self, template: str) -> float | None:
        if (durations := self._cached(_template_key(template))) is None:
            durations = self._keep(
                _template_key(template), await self._store.runs_of_template(template, RUNS)
            )
        return _median(durations)

    def _cached(self, key: str) -> Durations | None:
        if key in self._durations:
            self._durations.move_to_end(key)
        return self._durations.get(key)

    def _keep(self, key: str, newest_first: Iterable[Job]) -> Durations:
        found = [seconds for job in newest_first if (seconds := duration_of(job)) is not None]
        durations = self._durations[key] = deque(reversed(found), maxlen=RUNS)
        if len(self._durations) > MAX_WORKFLOWS:
            self._durations.popitem(last=False)
        return durations

    def _note(self, job: Job) -> None:
        seconds = duration_of(job) if job.state == JobState.SUCCEEDED else None
        if seconds is None:
            return
        for key in (_prompt_key(job.prompt_hash), _template_key(job.template or "")):
            if key in self._durations:
                self._durations[key].append(seconds)


def duration_of(job: Job) -> float | None:
    """Return how long the only attempt of a job took; None before its end, and after several attempts."""
    if job.run_count != 1 or job.started_at is None or job.finished_at is None:
        return None
    return (job.finished_at - job.started_at).total_seconds()


def _median(durations: Durations) -> float | None:
    return statistics.median(durations) if durations else None


def _prompt_key(prompt_hash: str) -> str:
    return f"prompt {prompt_hash}"


def _template_key(template: str) -> str:
    return f"template {template}"
