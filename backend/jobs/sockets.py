"""`/ws/jobs`: how many jobs are in each state and how far running ones are, then every change."""

import asyncio
from dataclasses import asdict
from typing import Annotated

import structlog
from fastapi import Depends, WebSocket

from backend.auth.principal import Scope
from backend.auth.routing import ProtectedRouter
from backend.core.events import EventBus
from backend.jobs.live import JobProgress, Live, PreviewReady
from backend.jobs.models import Job, JobChanged, QueueChanged
from backend.jobs.schemas import JobView
from backend.jobs.service import Jobs
from backend.web.features import provided
from backend.web.socket import Channel, Frame

log = structlog.get_logger(__name__)

router = ProtectedRouter(read=Scope.READ, write=None)

# Pages show a preview at most this often; whatever comes in between is replaced by what follows.
PAUSE_SECONDS = 0.25
# More changes at once than pages show rows: clients read the list again instead.
MOST_CHANGES = 100


class JobsChannel(Channel):
    """Sends what happens to jobs, in bursts with pauses between them."""

    def __init__(self, jobs: Jobs, live: Live, events: EventBus):
        super().__init__("jobs")
        self._jobs = jobs
        self._live = live
        self._changed: dict[str, Job] = {}
        self._reordered = False
        self._progress: dict[str, JobProgress] = {}
        self._previews: dict[str, PreviewReady] = {}
        self._due = asyncio.Event()
        events.subscribe(JobChanged, self._on_change)
        events.subscribe(QueueChanged, self._on_queue)
        events.subscribe(JobProgress, self._on_progress)
        events.subscribe(PreviewReady, self._on_preview)

    async def run(self) -> None:
        """Send until cancelled."""
        while True:
            await self._due.wait()
            self._due.clear()
            try:
                await self._send()
            except Exception:
                log.exception("changes of jobs could not be sent")
            await asyncio.sleep(PAUSE_SECONDS)

    async def snapshot(self) -> Frame:
        return {
            "type": "snapshot",
            **await self._status(),
            "progress": [asdict(progress) for progress in self._live.all()],
        }

    async def _send(self) -> None:
        changed, self._changed = self._changed, {}
        reordered, self._reordered = self._reordered, False
        if len(changed) > MOST_CHANGES or reordered:
            self.publish({"type": "queue"}, key="queue")
        if len(changed) <= MOST_CHANGES:
            for job in changed.values():
                view = JobView.of(job).model_dump(mode="json")
                self.publish({"type": "changed", "job": view}, key=job.id)
        if changed or reordered:
            self.publish({"type": "counts", **await self._status()}, key="counts")
        self._send_progress()

    def _send_progress(self) -> None:
        progress, self._progress = self._progress, {}
        previews, self._previews = self._previews, {}
        for update in progress.values():
            self.publish({"type": "progress", **asdict(update)}, key=f"progress {update.job_id}")
        for preview in previews.values():
            frame = {"type": "preview", "job_id": preview.job_id, "number": preview.number}
            self.publish(frame, key=f"preview {preview.job_id}")

    async def _status(self) -> Frame:
        counts = {str(state): count for state, count in (await self._jobs.counts()).items()}
        return {"paused": self._jobs.is_paused, "counts": counts}

    def _on_change(self, change: JobChanged) -> None:
        if self.has_listeners:
            self._changed[change.job.id] = change.job
            self._due.set()

    def _on_queue(self, _event: QueueChanged) -> None:
        if self.has_listeners:
            self._reordered = True
            self._due.set()

    def _on_progress(self, progress: JobProgress) -> None:
        if self.has_listeners:
            self._progress[progress.job_id] = progress
            self._due.set()

    def _on_preview(self, preview: PreviewReady) -> None:
        if self.has_listeners:
            self._previews[preview.job_id] = preview
            self._due.set()


@router.websocket("/ws/jobs")
async def watch(
    websocket: WebSocket, channel: Annotated[JobsChannel, Depends(provided(JobsChannel))]
) -> None:
    await channel.serve(websocket, channel.snapshot)
