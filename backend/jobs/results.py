"""Brings the outputs of a finished prompt to this pod: every kind, hashed, named, with a sidecar that says how they were made."""

import asyncio
import hashlib
import json
import mimetypes
import os
import re
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO

from backend.comfy.client import ComfyClient
from backend.comfy.outcomes import OutputFile, OutputText, PromptRecord
from backend.core.errors import OutOfSpace
from backend.core.files import sync_folder, write_atomically
from backend.core.names import tame_name
from backend.jobs.models import Attempt, Job, Output, Prompt
from backend.jobs.values import with_values

DEFAULT_TEMPLATE = "{workflow}/{date}/{job}"
FIELD = re.compile(r"\{(\w+)\}")
TEXT_KINDS = {"text": ".txt"}
KIND_BY_TYPE = {"image": "image", "video": "video", "audio": "audio", "model": "3d", "text": "text"}
SUFFIXES_3D = {".glb", ".gltf", ".obj", ".fbx", ".stl", ".ply", ".splat", ".ksplat", ".spz", ".usdz"}
SIDECAR = ".job.json"


@dataclass(frozen=True, kw_only=True)
class Finished:
    """A prompt that has succeeded, and what it was made from."""

    job: Job
    attempt: Attempt
    prompt: Prompt
    workflow: dict[str, Any] | None
    record: PromptRecord


class Results:
    """Writes below one folder. Nothing is overwritten; a file that is half written has another name."""

    def __init__(self, comfy: ComfyClient, folder: Path, name_template: str = DEFAULT_TEMPLATE):
        self._comfy = comfy
        self._folder = folder
        self._name_template = name_template

    async def collect(self, finished: Finished) -> tuple[Output, ...]:
        """Return what is on this pod now. Raise OutOfSpace when the disk refuses a file, `ComfyError` when ComfyUI does."""
        stem = self._folder / name_of(finished, self._name_template)
        shown = [output for output in finished.record.outputs if not _is_temporary(output)]
        outputs = [
            await self._collect_one(output, _numbered(stem, number, len(shown)), finished.record)
            for number, output in enumerate(shown, start=1)
        ]
        await asyncio.to_thread(self._write_sidecar, stem, finished, outputs)
        return tuple(outputs)

    async def _collect_one(self, output: OutputFile | OutputText, stem: Path, record: PromptRecord) -> Output:
        reused = output.node_id in record.cached_nodes
        if isinstance(output, OutputText):
            content = output.text.encode()
            path = await asyncio.to_thread(_save, stem.with_name(f"{stem.name}.txt"), content)
            return self._described(output, path, hashlib.sha256(content).hexdigest(), reused=reused)
        suffix = PurePosixPath(output.name).suffix.lower()[:16] or ".bin"
        target = stem.with_name(f"{stem.name}{suffix}")
        partial = target.with_name(f".{target.name}.{secrets.token_hex(4)}.tmp")
        try:
            digest = await self._download(output, partial)
            path = await asyncio.to_thread(_place, partial, target)
        except OSError as error:
            raise OutOfSpace(f"{target.name} could not be written: {error.strerror or error}.") from error
        finally:
            await asyncio.to_thread(partial.unlink, missing_ok=True)
        return self._described(output, path, digest, reused=reused)

    async def _download(self, output: OutputFile, partial: Path) -> str:
        digest = hashlib.sha256()
        await asyncio.to_thread(partial.parent.mkdir, parents=True, exist_ok=True)
        with await asyncio.to_thread(partial.open, "wb") as file:

            async def write(chunk: bytes) -> None:
                digest.update(chunk)
                await asyncio.to_thread(file.write, chunk)

            await self._comfy.files.download(output, write)
            await asyncio.to_thread(_flush, file)
        return digest.hexdigest()

    def _described(self, output: OutputFile | OutputText, path: Path, sha256: str, *, reused: bool) -> Output:
        media_type = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
        return Output(
            path=path.relative_to(self._folder).as_posix(),
            node_id=output.node_id,
            kind=kind_of(path.suffix.lower(), media_type),
            bytes=path.stat().st_size,
            sha256=sha256,
            media_type=media_type,
            reused=reused,
        )

    def _write_sidecar(self, stem: Path, finished: Finished, outputs: Iterable[Output]) -> None:
        sidecar = json.dumps(provenance_of(finished, outputs), indent=2, default=str).encode()
        stem.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(stem.with_name(stem.name + SIDECAR), sidecar)


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
    return PurePosixPath(*(tame_name(part.replace("/", "-")) or "job" for part in named))


def kind_of(suffix: str, media_type: str) -> str:
    if suffix in SUFFIXES_3D:
        return "3d"
    return KIND_BY_TYPE.get(media_type.partition("/")[0], "file")


def _seed(job: Job, attempt: Attempt) -> Any:
    values: Mapping[str, Any] = {**job.values, **attempt.values}
    return next(
        (value for name, value in values.items() if name.rpartition(".")[2] in ("seed", "noise_seed")), ""
    )


def _is_temporary(output: OutputFile | OutputText) -> bool:
    return isinstance(output, OutputFile) and output.type == "temp"


def _numbered(stem: Path, number: int, count: int) -> Path:
    return stem if count == 1 else stem.with_name(f"{stem.name}-{number}")


def _save(target: Path, content: bytes) -> Path:
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f".{target.name}.{secrets.token_hex(4)}.tmp")
    try:
        partial.write_bytes(content)
        return _place(partial, target)
    finally:
        partial.unlink(missing_ok=True)


def _place(partial: Path, target: Path) -> Path:
    """Give the file its name, or the name with the next free number: `cat.png`, `cat (2).png`."""
    for number in range(1, 10_000):
        name = target if number == 1 else target.with_name(f"{target.stem} ({number}){target.suffix}")
        try:
            os.link(partial, name)
        except FileExistsError:
            continue
        except OSError:  # no hard links on this file system
            if name.exists():
                continue
            partial.rename(name)
        sync_folder(name.parent)
        return name
    raise FileExistsError(f"there are too many files named {target.name}")


def _flush(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())
