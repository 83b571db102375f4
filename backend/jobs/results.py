"""Brings the outputs of a finished prompt to this pod: every kind, hashed, named, with a sidecar that says how they were made."""

import asyncio
import contextlib
import mimetypes
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath

from backend.comfy.client import ComfyClient
from backend.comfy.outcomes import OutputFile, OutputText
from backend.core.errors import OutOfSpace
from backend.jobs.models import Output
from backend.jobs.output_writer import new_output
from backend.jobs.provenance import Finished, kind_of, name_of, provenance_of
from backend.jobs.staging import StagedFile, Staging, free_stem, staged_attempts

DEFAULT_TEMPLATE = "{workflow}/{date}/{job}"
# A name that was free may be taken by another pod on the same volume before it is used.
MAX_TRIES = 10


class Results:
    """Writes below one folder. Nothing is overwritten, and a file that has its name is complete."""

    def __init__(self, comfy: ComfyClient, folder: Path, name_template: str = DEFAULT_TEMPLATE):
        self._comfy = comfy
        self._folder = folder
        self._name_template = name_template

    async def collect(self, finished: Finished) -> tuple[Output, ...]:
        """Return what is on this pod now. Raise OutOfSpace when the disk refuses a file, `ComfyError` when ComfyUI does."""
        staging = Staging(self._folder, finished.attempt.id)
        cached = finished.record.cached_nodes
        shown = [output for output in finished.record.outputs if not _is_temporary(output)]
        with _disk_errors():
            files = [await self._stage(staging, output, reused=output.node_id in cached) for output in shown]
            return await asyncio.to_thread(self._finish, staging, finished, files)

    async def resume(self, attempt_id: str) -> tuple[Output, ...] | None:
        """Return the outputs of an attempt if an earlier process had all of them; None where they have to be collected."""
        staging = Staging(self._folder, attempt_id)
        with _disk_errors():
            return await asyncio.to_thread(_resume, staging)

    async def discard(self, *attempt_ids: str) -> None:
        """Delete the staged files of ended attempts."""
        for attempt_id in attempt_ids:
            await asyncio.to_thread(Staging(self._folder, attempt_id).discard)

    async def staged(self) -> list[str]:
        """Return the attempts that may have staged files."""
        return await asyncio.to_thread(staged_attempts, self._folder)

    async def _stage(self, staging: Staging, output: OutputFile | OutputText, *, reused: bool) -> StagedFile:
        async with new_output(staging) as file:
            if isinstance(output, OutputText):
                await file.write(output.text.encode())
                suffix = ".txt"
            else:
                await self._comfy.files.download(output, file.write)
                suffix = PurePosixPath(output.name).suffix.lower()[:16] or ".bin"
        return StagedFile(
            path=file.path,
            suffix=suffix,
            node_id=output.node_id,
            bytes=file.size,
            sha256=file.sha256,
            reused=reused,
        )

    def _finish(
        self, staging: Staging, finished: Finished, files: Sequence[StagedFile]
    ) -> tuple[Output, ...]:
        """Choose free names, write down the choice, and give the files these names."""
        wanted = self._folder / name_of(finished, self._name_template)
        suffixes = _distinct_suffixes(files)
        for _ in range(MAX_TRIES):
            stem = free_stem(wanted, suffixes)
            outputs = [
                self._described(file, stem.with_name(stem.name + suffix))
                for file, suffix in zip(files, suffixes, strict=True)
            ]
            pairs = zip(files, outputs, strict=True)
            manifest = staging.commit(pairs, stem, provenance_of(finished, outputs))
            if staging.place(manifest):
                return manifest.outputs
        raise FileExistsError(f"other programs take every name like {wanted.name}")

    def _described(self, file: StagedFile, path: Path) -> Output:
        media_type = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
        return Output(
            path=path.relative_to(self._folder).as_posix(),
            node_id=file.node_id,
            kind=kind_of(path.suffix.lower(), media_type),
            bytes=file.bytes,
            sha256=file.sha256,
            media_type=media_type,
            reused=file.reused,
        )


def _resume(staging: Staging) -> tuple[Output, ...] | None:
    manifest = staging.manifest()
    return manifest.outputs if manifest and staging.place(manifest) else None


def _distinct_suffixes(files: Sequence[StagedFile]) -> list[str]:
    """Return what comes after the stem of each file: `.png`, or `-1.png`, `-2.png` where there are several."""
    if len(files) == 1:
        return [files[0].suffix]
    return [f"-{number}{file.suffix}" for number, file in enumerate(files, start=1)]


def _is_temporary(output: OutputFile | OutputText) -> bool:
    return isinstance(output, OutputFile) and output.type == "temp"


@contextlib.contextmanager
def _disk_errors() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise OutOfSpace(
            f"The outputs could not be written: {error.strerror or error}. "
            "Check whether the volume is full or read-only."
        ) from error
