"""Which jobs wait for others, and what the end of one means for the rest."""

from collections.abc import Iterable
from datetime import datetime

from backend.core import clock
from backend.core.errors import InvalidRequest
from backend.jobs.models import Job, JobState
from backend.jobs.reader import JobReader


class Dependants:
    def __init__(self, reader: JobReader):
        self._reader = reader

    async def state_of(self, job: Job) -> JobState:
        """Return whether a job that has not started can run, still waits, or never will."""
        return waiting_state(job, await self._reader.states(job.depends_on))

    async def first_state(self, job: Job) -> JobState:
        """Return the same for a job that a user submits or changes. Raise InvalidRequest when it waits for an unknown one."""
        if not job.depends_on:
            return waiting_state(job, {})
        states = await self._reader.states(job.depends_on)
        unknown = [other for other in job.depends_on if other not in states]
        if unknown:
            raise InvalidRequest(f"There is no job {unknown[0]} to depend on.", code="unknown_dependency")
        return waiting_state(job, states)

    async def revived_by(self, retried: Iterable[Job]) -> list[Job]:
        """Return the jobs that were blocked because those of `retried` had not succeeded, in their new states."""
        revived: dict[str, Job] = {}
        states = {job.id: job.state for job in retried}
        open_ids = list(states)
        while open_ids:
            for job in await self._reader.blocked_dependants(open_ids.pop()):
                known = await self._reader.states(job.depends_on)
                state = waiting_state(job, known | {each: states[each] for each in known if each in states})
                if state != JobState.BLOCKED and job.id not in states:
                    revived[job.id] = job.changed(state=state)
                    states[job.id] = state
                    open_ids.append(job.id)
        return list(revived.values())

    async def released_by(self, ended: Job) -> Iterable[Job]:
        """Return the jobs that wait for `ended`, and for those that are blocked with it, in their new states."""
        released: dict[str, Job] = {}
        ends = {ended.id: ended.state}
        open_ids = [ended.id]
        while open_ids:
            for job in await self._reader.dependants(open_ids.pop()):
                states = await self._reader.states(job.depends_on) | {
                    other: state for other, state in ends.items() if other in job.depends_on
                }
                state = waiting_state(job, states)
                if state != job.state and job.id not in released:
                    released[job.id] = job.changed(state=state)
                if state == JobState.BLOCKED and job.id not in ends:
                    ends[job.id] = state
                    open_ids.append(job.id)
        return released.values()


def waiting_state(job: Job, states: dict[str, JobState]) -> JobState:
    """Return whether the job can run, still waits, or never will."""
    ends = [states.get(other) for other in job.depends_on]
    if any(
        state is None or (state != JobState.SUCCEEDED and (state.is_final or state == JobState.BLOCKED))
        for state in ends
    ):
        return JobState.BLOCKED
    held = not job.prepared or bool(job.downloads) or _is_later(job.start_at)
    if held or any(state != JobState.SUCCEEDED for state in ends):
        return JobState.WAITING
    return JobState.QUEUED


def _is_later(moment: datetime | None) -> bool:
    return moment is not None and moment > clock.now()
