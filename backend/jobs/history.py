"""What happens to jobs, as entries of the activity log."""

import asyncio
import contextlib

from backend.activity.service import Activity
from backend.core.errors import CannotRecord
from backend.core.events import EventBus
from backend.jobs.models import FINAL, Job, JobChanged, JobState, QueueFinished
from backend.jobs.service import Jobs

NOTED = FINAL | {JobState.BLOCKED}
# Batches whose jobs end in quick succession are counted once.
SETTLE_SECONDS = 1.0


class JobHistory:
    """Notes how jobs and batches end; that they are queued or run is in the queue itself."""

    def __init__(self, jobs: Jobs, activity: Activity, events: EventBus):
        self._jobs, self._activity = jobs, activity
        # Batches with a job that has ended, and a name for each.
        self._touched: dict[str, str] = {}
        self._has_touched = asyncio.Event()
        events.subscribe(JobChanged, lambda event: self._note(event.job))
        events.subscribe(QueueFinished, self._note_end)

    def _note(self, job: Job) -> None:
        if job.state in NOTED:
            problem = job.error.message if job.error else None
            self._activity.note(f"job.{job.state}", job.name, id=job.id, problem=problem)
            if job.batch_id:
                self._touched[job.batch_id] = job.name
                self._has_touched.set()

    async def run(self) -> None:
        """Note the ends of batches. Runs until cancelled."""
        while True:
            await self._has_touched.wait()
            await asyncio.sleep(SETTLE_SECONDS)
            self._has_touched.clear()
            touched, self._touched = self._touched, {}
            for batch_id, name in touched.items():
                with contextlib.suppress(CannotRecord):
                    await self._note_batch(batch_id, name)

    async def _note_batch(self, batch_id: str, name: str) -> None:
        counts = await self._jobs.batch_counts(batch_id)
        if counts and counts.keys() <= NOTED:
            succeeded = counts.get(JobState.SUCCEEDED, 0)
            failed = sum(counts.values()) - succeeded
            self._activity.note("batch.finished", name, id=batch_id, succeeded=succeeded, failed=failed)

    def _note_end(self, event: QueueFinished) -> None:
        self._activity.note("queue.finished", "jobs", succeeded=event.succeeded, failed=event.failed)
