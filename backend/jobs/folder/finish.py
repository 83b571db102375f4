"""Places the outputs of a job where its file says, writes a record of the job, and moves the file to the finished ones."""

import hashlib
import json
import os
import shutil
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import Any

from backend.core.files import rename_without_clobbering, sync_folder, write_atomically
from backend.jobs.folder.importer import FILE, FILE_PATH
from backend.jobs.folder.layout import RECORD, FolderLayout, note_of
from backend.jobs.folder.names import parse_config_name
from backend.jobs.models import Attempt, Job, Output

MAX_TRIES = 10_000


def finish(
    job: Job,
    attempts: Sequence[Attempt],
    outputs: Sequence[Output],
    output_folder: Path,
    layout: FolderLayout,
) -> None:
    """Can be interrupted anywhere and called again: nothing is there twice, and the file is moved last."""
    file = layout.processing / job.metadata[FILE]
    name = parse_config_name(file.name)
    folder = layout.finished / name.job_type
    folder.mkdir(parents=True, exist_ok=True)
    record = folder / (name.name + RECORD)
    if not record.exists():
        wanted = job.metadata[FILE_PATH]
        target = layout.output(name.job_type, wanted)
        paths = [
            _placed(output_folder / output.path, output, _target(target, wanted, output, number))
            for number, output in enumerate(outputs, start=1)
        ]
        content = _record_of(job, attempts, outputs, [_shown(path, layout) for path in paths])
        write_atomically(record, json.dumps(content, indent=2, default=str).encode())
    note_of(file).unlink(missing_ok=True)
    with suppress(FileNotFoundError):  # the user has moved or deleted it
        file.rename(folder / file.name)
        sync_folder(folder)


def write_note(file: Path, reason: str) -> None:
    """Write beside a job file why it is not run, unless the file is gone."""
    note, content = note_of(file), f"{reason}\n".encode()
    if file.exists() and not (note.exists() and note.read_bytes() == content):
        write_atomically(note, content)


def _target(target: Path, wanted: str, output: Output, number: int) -> Path:
    """Return the path of one output. Its own suffix counts: a video does not become a `.png`."""
    made = PurePosixPath(output.path)
    if wanted.strip().endswith("/"):
        return target / made.name
    stem = target.name.removesuffix(target.suffix) or target.name
    return target.with_name(f"{stem}{'' if number == 1 else f'-{number}'}{made.suffix}")


def _placed(source: Path, output: Output, target: Path) -> Path:
    """Give the output a second name, and return it. Nothing is overwritten."""
    target.parent.mkdir(parents=True, exist_ok=True)
    for number in range(1, MAX_TRIES):
        path = target if number == 1 else target.with_name(f"{target.stem} ({number}){target.suffix}")
        if _is_there(path, output):
            return path
        with suppress(FileExistsError):
            _link(source, path)
            return path
    raise FileExistsError(f"there are too many files named {target.name}")


def _is_there(path: Path, output: Output) -> bool:
    """Return whether an interrupted call has put it there."""
    if not path.is_file() or path.stat().st_size != output.bytes:
        return False
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() == output.sha256


def _link(source: Path, path: Path) -> None:
    try:
        os.link(source, path)
    except FileExistsError:
        raise
    except OSError:  # no hard links, or another file system
        draft = path.with_name(f".{path.name}.copying")
        shutil.copyfile(source, draft)
        rename_without_clobbering(draft, path)
    sync_folder(path.parent)


def _shown(path: Path, layout: FolderLayout) -> str:
    return path.relative_to(layout.workspace.resolve()).as_posix()


def _record_of(
    job: Job, attempts: Sequence[Attempt], outputs: Sequence[Output], paths: Sequence[str]
) -> dict[str, Any]:
    last = attempts[-1] if attempts else None
    started = last.started_at or last.created_at if last else job.started_at
    seconds = (job.finished_at - started).total_seconds() if started and job.finished_at else None
    return {
        "job": job.id,
        "status": str(job.state),
        "workflow_id": job.template,
        "values": dict(job.values),
        "priority": job.priority,
        "run_count": job.run_count,
        "retries_attempted": job.failures,
        "created": job.created_at,
        "start_time": started,
        "end_time": job.finished_at,
        "duration": seconds,
        "outputs": [
            {"path": path, "kind": output.kind, "bytes": output.bytes, "sha256": output.sha256}
            for path, output in zip(paths, outputs, strict=True)
        ],
    }
