"""Receives uploads into ComfyUI's input folder, and finds files there."""

import asyncio
import hashlib
import mimetypes
import os
import secrets
import time
from collections.abc import AsyncIterator
from pathlib import Path, PurePosixPath

from backend.core.disk import disk_of
from backend.core.errors import InvalidRequest, NotFound, OutOfSpace
from backend.core.files import rename_without_clobbering
from backend.core.formatting import format_bytes
from backend.core.names import safe_name
from backend.inputs.schemas import InputFile

UPLOADING = ".uploading"
# An upload that has not changed for so long belongs to a process that died.
ABANDONED_SECONDS = 24 * 3600.0
# Free space that uploads leave for everything else on the volume.
RESERVE_BYTES = 1_000_000_000
DIGEST_CHARACTERS = 12
UNKNOWN_TYPE = "application/octet-stream"


class InputFiles:
    """Files directly in the folder: the menus of ComfyUI's nodes list these, and not those of subfolders."""

    def __init__(self, folder: Path):
        self.folder = folder

    async def add(self, name: str, body: AsyncIterator[bytes], announced: int) -> InputFile:
        """Write a file while it arrives, and name it after `name` and its hash. The same upload twice is one file."""
        safe = safe_name(name)
        if safe is None:
            raise InvalidRequest(
                "The file has no usable name. Send one as `name`, such as `cat.png`.", code="bad_filename"
            )
        draft = await asyncio.to_thread(self._new_draft, announced)
        try:
            return await self._receive(PurePosixPath(safe), body, draft)
        except OSError as error:
            raise OutOfSpace(f"The upload could not be written: {error.strerror or error}.") from error
        finally:
            await asyncio.to_thread(draft.unlink, missing_ok=True)

    async def find(self, name: str) -> Path:
        """Return the path of a file, possibly in a subfolder. Raise NotFound where there is none."""
        path = await asyncio.to_thread(self._find, name)
        if path is None:
            raise NotFound("ComfyUI's input folder has no such file. Upload it first.")
        return path

    async def missing(self, names: set[str]) -> set[str]:
        """Return the names that do not belong to a file."""
        return await asyncio.to_thread(lambda: {name for name in names if self._find(name) is None})

    async def _receive(self, name: PurePosixPath, body: AsyncIterator[bytes], draft: Path) -> InputFile:
        digest, size = hashlib.sha256(), 0
        with await asyncio.to_thread(draft.open, "xb") as file:
            async for chunk in body:
                size += len(chunk)
                digest.update(chunk)
                await asyncio.to_thread(file.write, chunk)
            await asyncio.to_thread(file.flush)
            await asyncio.to_thread(os.fsync, file.fileno())
        if not size:
            raise InvalidRequest("The file is empty. Choose another one.", code="empty_file")
        final = f"{name.stem}-{digest.hexdigest()[:DIGEST_CHARACTERS]}{name.suffix.lower()}"
        await asyncio.to_thread(self._keep, draft, self.folder / final)
        return InputFile(name=final, bytes=size, media_type=media_type_of(final))

    def _keep(self, draft: Path, path: Path) -> None:
        try:
            rename_without_clobbering(draft, path)
        except FileExistsError:  # the same bytes under the same name
            path.touch()

    def _new_draft(self, announced: int) -> Path:
        folder = self.folder / UPLOADING
        try:
            folder.mkdir(parents=True, exist_ok=True)
            for left in folder.iterdir():
                if left.stat().st_mtime < time.time() - ABANDONED_SECONDS:
                    left.unlink(missing_ok=True)
            free = disk_of(folder).free - RESERVE_BYTES
        except OSError as error:
            raise OutOfSpace(f"The upload could not be written: {error.strerror or error}.") from error
        if announced > free:
            raise OutOfSpace(
                f"The upload needs {format_bytes(announced)}, and {format_bytes(max(free, 0))} are left for it. "
                "Free disk space on the Storage page."
            )
        return folder / secrets.token_hex(16)

    def _find(self, name: str) -> Path | None:
        if not name or "\0" in name:
            return None
        try:
            path = (self.folder / name).resolve()
            return path if path.is_relative_to(self.folder.resolve()) and path.is_file() else None
        except (OSError, ValueError):
            return None


def media_type_of(name: str) -> str:
    return mimetypes.guess_type(name)[0] or UNKNOWN_TYPE
