"""`/ws/jobs`: how many jobs are in each state, then every change and the progress of the job that runs."""

from dataclasses import asdict
from typing import Annotated

from fastapi import Depends, WebSocket

from backend.auth.principal import Scope
from backend.auth.routing import ProtectedRouter
from backend.core.events import EventBus
from backend.jobs.dependencies import JobsService
from backend.jobs.live import JobProgress
from backend.jobs.models import JobChanged, QueueChanged
from backend.jobs.schemas import JobView
from backend.web.features import provided
from backend.web.socket import Channel, Frame

router = ProtectedRouter(read=Scope.READ, write=None)


class JobsChannel(Channel):
    """Forwards what happens to jobs."""

    def __init__(self, events: EventBus):
        super().__init__("jobs")
        events.subscribe(JobChanged, self._on_change)
        events.subscribe(QueueChanged, lambda _: self.publish({"type": "queue"}, key="queue"))
        events.subscribe(JobProgress, self._on_progress)

    def _on_change(self, change: JobChanged) -> None:
        if self.has_listeners:
            job = JobView.of(change.job).model_dump(mode="json")
            self.publish({"type": "changed", "job": job}, key=change.job.id)

    def _on_progress(self, progress: JobProgress) -> None:
        self.publish({"type": "progress", **asdict(progress)}, key=f"progress {progress.job_id}")


@router.websocket("/ws/jobs")
async def watch(
    websocket: WebSocket, jobs: JobsService, channel: Annotated[JobsChannel, Depends(provided(JobsChannel))]
) -> None:
    async def snapshot() -> Frame:
        counts = {str(state): count for state, count in (await jobs.counts()).items()}
        return {"type": "snapshot", "paused": jobs.is_paused, "counts": counts}

    await channel.serve(websocket, snapshot)
