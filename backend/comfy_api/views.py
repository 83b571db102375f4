"""Jobs, outputs and assets as the protocol describes them. Pure functions."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import PurePosixPath

from backend.comfy_api.models import Asset, OutputId
from backend.comfy_api.routing import PREFIX
from backend.comfy_api.schemas import (
    AssetBody,
    ErrorOfJob,
    JobBody,
    JobLinks,
    JobSummary,
    OutputBody,
    OutputType,
    ProgressBody,
    Status,
)
from backend.jobs.live import JobProgress
from backend.jobs.models import ErrorKind, Job, JobError, JobState, Output, Prompt

# The protocol wants a moment at which jobs and outputs are deleted. Ours are kept.
KEPT = timedelta(days=3650)

STATUSES: dict[JobState, Status] = {
    JobState.WAITING: "queued",
    JobState.QUEUED: "queued",
    JobState.RUNNING: "running",
    JobState.SUCCEEDED: "succeeded",
    JobState.FAILED: "failed",
    JobState.CANCELLED: "canceled",
    # Needs a user. A client would wait for it forever.
    JobState.BLOCKED: "failed",
    JobState.EXPIRED: "expired",
}
FINAL: frozenset[Status] = frozenset({"succeeded", "failed", "canceled", "expired"})
CODES = {ErrorKind.NODE: "node_execution_error", ErrorKind.INVALID: "invalid_workflow"}
TYPES: dict[str, OutputType] = {"image": "image", "video": "video", "audio": "audio", "text": "text"}


@dataclass(frozen=True, kw_only=True)
class Links:
    """Addresses of this API as the client reaches it."""

    # Scheme, host and port.
    origin: str

    def content(self, asset_id: str) -> str:
        return f"{self.origin}{PREFIX}/assets/{asset_id}/content"


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """A job and what else its description needs."""

    job: Job
    prompt: Prompt
    outputs: tuple[Output, ...]
    queue_position: int | None
    progress: JobProgress | None


def status_of(job: Job) -> Status:
    if job.state == JobState.RUNNING and job.cancel_requested:
        return "canceling"
    return STATUSES[job.state]


def states_of(statuses: str) -> tuple[JobState, ...]:
    """Return the states that `queued,running` means; unknown words mean none."""
    wanted = {status.strip() for status in statuses.split(",")}
    if "canceling" in wanted:
        wanted.add("running")
    return tuple(state for state, status in STATUSES.items() if status in wanted)


def job_body(snapshot: Snapshot, links: Links) -> JobBody:
    job = snapshot.job
    status = status_of(job)
    here = f"{PREFIX}/jobs/{job.id}"
    return JobBody(
        id=job.id,
        status=status,
        created_at=job.created_at,
        started_at=job.started_at,
        completed_at=job.finished_at,
        expires_at=job.created_at + KEPT,
        queue_position=snapshot.queue_position,
        progress=progress_of(snapshot),
        outputs=[output_body(job, number, output, links) for number, output in enumerate(snapshot.outputs)],
        outputs_reused=bool(snapshot.outputs) and all(output.reused for output in snapshot.outputs),
        error=_error(job.error) if job.error and status in FINAL else None,
        metrics={
            "queue_ms": _milliseconds(job.created_at, job.started_at),
            "execution_ms": _milliseconds(job.started_at, job.finished_at),
        },
        metadata=dict(job.metadata),
        priority=job.priority,
        urls=JobLinks(self=here, events=f"{here}/events", cancel=f"{here}/cancel"),
    )


def progress_of(snapshot: Snapshot) -> ProgressBody | None:
    total = len(snapshot.prompt)
    if snapshot.job.state == JobState.SUCCEEDED:
        return ProgressBody(value=1.0, nodes_done=total, nodes_total=total)
    return progress_body(snapshot.progress, snapshot.prompt) if snapshot.progress else None


def progress_body(progress: JobProgress, prompt: Prompt) -> ProgressBody:
    total = max(len(prompt), progress.nodes_done, 1)
    node_id = progress.running[-1] if progress.running else None
    node = prompt.get(node_id) if node_id else None
    class_type = str(node.get("class_type")) if isinstance(node, dict) else None
    share = progress.value / progress.maximum if progress.maximum else 0.0
    step, steps = (round(progress.value), round(progress.maximum)) if progress.maximum else (None, None)
    return ProgressBody(
        value=min((progress.nodes_done + share) / total, 1.0),
        nodes_done=progress.nodes_done,
        nodes_total=total,
        current_node=node_id,
        current_node_class=class_type,
        step=step,
        steps=steps,
        message=f"{class_type} {step}/{steps}" if class_type and steps else class_type,
    )


def output_body(job: Job, number: int, output: Output, links: Links) -> OutputBody:
    asset_id = str(OutputId(job_id=job.id, number=number))
    path = PurePosixPath(output.path)
    return OutputBody(
        node_id=output.node_id,
        name=path.name,
        type="latent" if path.suffix == ".latent" else TYPES.get(output.kind, "file"),
        content_type=output.media_type,
        size_bytes=output.bytes,
        id=asset_id,
        hash=None,
        url=links.content(asset_id),
        url_expires_at=job.created_at + KEPT,
        job_id=job.id,
    )


def output_asset_body(job: Job, number: int, output: Output, links: Links) -> AssetBody:
    """Return an output as the asset that it is, too."""
    body = output_body(job, number, output, links)
    return AssetBody(
        id=body.id,
        hash=None,
        size_bytes=body.size_bytes,
        content_type=body.content_type,
        file_path=body.name,
        created_new=None,
        created_at=job.finished_at or job.created_at,
        url=body.url,
        url_expires_at=body.url_expires_at,
        expires_at=None,
        job_id=job.id,
    )


def asset_body(asset: Asset, links: Links, *, created_new: bool | None = None) -> AssetBody:
    return AssetBody(
        id=asset.id,
        hash=asset.hash,
        size_bytes=asset.bytes,
        content_type=asset.content_type,
        file_path=asset.file_path,
        created_new=created_new,
        created_at=asset.created_at,
        url=links.content(asset.id),
        url_expires_at=asset.expires_at,
        expires_at=asset.expires_at,
        job_id=None,
    )


def job_summary(job: Job) -> JobSummary:
    return JobSummary(
        id=job.id,
        status=status_of(job),
        create_time=job.created_at,
        update_time=job.finished_at or job.started_at or job.created_at,
        metadata=dict(job.metadata),
    )


def _error(error: JobError) -> ErrorOfJob:
    return ErrorOfJob(
        code=CODES.get(error.kind, str(error.kind)),
        message=error.message,
        node_id=error.node_id,
        class_type=error.node_type,
        traceback="".join(error.traceback) or None,
    )


def _milliseconds(start: datetime | None, end: datetime | None) -> int | None:
    return round((end - start).total_seconds() * 1000) if start and end else None
