"""What happens to jobs, as entries of the activity log."""

from backend.activity.service import Activity
from backend.core.events import EventBus
from backend.jobs.models import FINAL, Job, JobChanged, JobState, QueueFinished

NOTED = FINAL | {JobState.BLOCKED}


class JobHistory:
    """Notes how jobs end; that they are queued or run is in the queue itself."""

    def __init__(self, activity: Activity, events: EventBus):
        self._activity = activity
        events.subscribe(JobChanged, lambda event: self._note(event.job))
        events.subscribe(QueueFinished, self._note_end)

    def _note(self, job: Job) -> None:
        if job.state in NOTED:
            problem = job.error.message if job.error else None
            self._activity.note(f"job.{job.state}", job.name, id=job.id, problem=problem)

    def _note_end(self, event: QueueFinished) -> None:
        self._activity.note("queue.finished", "jobs", succeeded=event.succeeded, failed=event.failed)
