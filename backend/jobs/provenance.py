"""How outputs were made: what the sidecar says, and what files are named after. Pure functions."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import PurePosixPath
from typing import Any

from backend.comfy.outcomes import PromptRecord
from backend.core.names import safe_name
from backend.jobs.models import Attempt, Job, Output, Prompt
from backend.jobs.values import with_values

FIELD = re.compile(r"\{(\w+)\}")
KIND_BY_TYPE = {"image": "image", "video": "video", "audio": "audio", "model": "3d", "text": "text"}
SUFFIXES_3D = {".glb", ".gltf", ".obj", ".fbx", ".stl", ".ply", ".splat", ".ksplat", ".spz", ".usdz"}


@dataclass(frozen=True, kw_only=True)
class Finished:
    """A prompt that has succeeded, and what it was made from."""

    job: Job
    attempt: Attempt
    prompt: Prompt
    workflow: dict[str, Any] | None
    record: PromptRecord


def provenance_of(finished: Finished, outputs: Iterable[Output]) -> dict[str, Any]:
    """Return what the sidecar says: enough to make the outputs again."""
    job, attempt, record = finished.job, finished.attempt, finished.record
    return {
        "job": {
            "id": job.id,
            "name": job.name,
            "batch": job.batch_id,
            "template": job.template,
            "metadata": dict(job.metadata),
        },
        "attempt": {"prompt_id": attempt.id, "number": attempt.number},
        "values": {**job.values, **attempt.values},
        "prompt": with_values(finished.prompt, {**job.values, **attempt.values}),
        "workflow": finished.workflow,
        "timings": {"created": job.created_at, "started": record.started_at, "ended": record.ended_at},
        "outputs": [
            {
                "path": output.path,
                "node": output.node_id,
                "kind": output.kind,
                "bytes": output.bytes,
                "sha256": output.sha256,
            }
            | ({"reused": True} if output.reused else {})
            for output in outputs
        ],
    }


def name_of(finished: Finished, template: str) -> PurePosixPath:
    """Return the path that `template` describes, without a suffix: `sdxl/2026-11-27/cat-42`.

    Fields: `workflow`, `date`, `time`, `job` (its name), `id` (its first eight characters), `seed`, `batch`.
    An unknown field stays as it is; what no file name can hold is replaced.
    """
    job = finished.job
    moment: datetime = finished.record.ended_at or job.created_at
    local = moment.astimezone()
    fields = {
        "workflow": PurePosixPath(job.template or "workflow").stem,
        "date": f"{local:%Y-%m-%d}",
        "time": f"{local:%H%M%S}",
        "job": job.name,
        "id": job.id[:8],
        "seed": str(_seed(job, finished.attempt)),
        "batch": (job.batch_id or "")[:8],
    }
    parts = PurePosixPath(template).parts
    named = [
        FIELD.sub(lambda field: fields.get(field[1], field[0]), part)
        for part in parts
        if part not in ("/", "..")
    ]
    return PurePosixPath(*(safe_name(part.replace("/", "-")) or "job" for part in named))


def kind_of(suffix: str, media_type: str) -> str:
    if suffix in SUFFIXES_3D:
        return "3d"
    return KIND_BY_TYPE.get(media_type.partition("/")[0], "file")


def _seed(job: Job, attempt: Attempt) -> Any:
    values: Mapping[str, Any] = {**job.values, **attempt.values}
    return next(
        (value for name, value in values.items() if name.rpartition(".")[2] in ("seed", "noise_seed")), ""
    )
