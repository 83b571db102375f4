"""How far running jobs are, in memory only: current node, its steps, and the newest preview."""

from dataclasses import dataclass, replace

from backend.comfy.events import NodesCached, ProgressSnapshot
from backend.comfy.follow import Update
from backend.comfy.previews import Preview
from backend.core.events import EventBus


@dataclass(frozen=True, kw_only=True)
class JobProgress:
    """Published whenever it changes; a subscriber coalesces what it cannot show."""

    job_id: str
    nodes_done: int = 0
    # Nodes that have begun and not ended, by their ids in the workflow.
    running: tuple[str, ...] = ()
    # Steps of the node that runs, where it reports them.
    value: float = 0.0
    maximum: float = 0.0


@dataclass(frozen=True, kw_only=True)
class PreviewReady:
    """Event: a running job has a new preview picture."""

    job_id: str
    # Counts up for each job, so that pages see which one is newer.
    number: int
    # Empty where ComfyUI does not say which node it is from.
    node_id: str
    media_type: str
    content: bytes


class Live:
    """Keeps the newest progress and preview of each running job."""

    def __init__(self, events: EventBus):
        self._events = events
        self._progress: dict[str, JobProgress] = {}
        self._previews: dict[str, PreviewReady] = {}

    def all(self) -> list[JobProgress]:
        """Return the progress of every running job."""
        return list(self._progress.values())

    def progress(self, job_id: str) -> JobProgress | None:
        return self._progress.get(job_id)

    def preview(self, job_id: str) -> PreviewReady | None:
        return self._previews.get(job_id)

    def note(self, job_id: str, update: Update) -> None:
        """Take in what ComfyUI reports about a job."""
        before = self._progress.get(job_id, JobProgress(job_id=job_id))
        match update:
            case NodesCached(node_ids=node_ids):
                self._publish(replace(before, nodes_done=max(before.nodes_done, len(node_ids))))
            case ProgressSnapshot():
                self._publish(_from_snapshot(job_id, update))
            case Preview():
                self._show(job_id, update)

    def end(self, job_id: str) -> None:
        self._progress.pop(job_id, None)
        self._previews.pop(job_id, None)

    def _show(self, job_id: str, picture: Preview) -> None:
        before = self._previews.get(job_id)
        ready = self._previews[job_id] = PreviewReady(
            job_id=job_id,
            number=before.number + 1 if before else 1,
            node_id=picture.node_id,
            media_type=picture.media_type,
            content=picture.content,
        )
        self._events.publish(ready)

    def _publish(self, progress: JobProgress) -> None:
        self._progress[progress.job_id] = progress
        self._events.publish(progress)


def _from_snapshot(job_id: str, snapshot: ProgressSnapshot) -> JobProgress:
    running = [node for node in snapshot.nodes if node.state == "running"]
    return JobProgress(
        job_id=job_id,
        nodes_done=sum(node.state == "finished" for node in snapshot.nodes),
        running=tuple(dict.fromkeys(node.display_node_id for node in running)),
        value=running[-1].value if running else 0.0,
        maximum=running[-1].maximum if running else 0.0,
    )
