"""The files of assets: in a folder of ComfyUI's inputs, named after their hashes. Blocks for disk accesses."""

import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath

from backend.comfy_api.models import new_asset_id
from backend.core.disk import disk_of
from backend.core.files import rename_without_clobbering

# Below ComfyUI's input folder; nodes load `api-assets/NAME`.
FOLDER = "api-assets"
UPLOADING = ".uploading"
SUFFIX = re.compile(r"\.[a-z0-9]{1,10}")
NAME = re.compile(r"[0-9a-f]{64}(\.[a-z0-9]{1,10})?")


@dataclass(frozen=True, kw_only=True)
class StoredFile:
    name: str
    bytes: int
    modified_at: datetime


class AssetFiles:
    def __init__(self, inputs: Path):
        """`inputs` is ComfyUI's input folder."""
        self._folder = inputs / FOLDER

    def path(self, name: str) -> Path:
        return self._folder / name

    def new_upload(self) -> Path:
        """Return the path of a file to be written."""
        folder = self._folder / UPLOADING
        folder.mkdir(parents=True, exist_ok=True)
        return folder / new_asset_id()

    def keep(self, upload: Path, name: str) -> None:
        """Give an upload its name. Another upload of the same bytes may have been faster."""
        try:
            rename_without_clobbering(upload, self.path(name))
        except FileExistsError:
            upload.unlink()

    def delete(self, name: str) -> None:
        self.path(name).unlink(missing_ok=True)

    def discard_uploads(self) -> None:
        """Delete uploads that a killed process has left."""
        shutil.rmtree(self._folder / UPLOADING, ignore_errors=True)

    def stored(self) -> list[StoredFile]:
        return list(self._stored()) if self._folder.is_dir() else []

    def _stored(self) -> Iterator[StoredFile]:
        for path in self._folder.iterdir():
            if NAME.fullmatch(path.name) and path.is_file():
                status = path.stat()
                modified_at = datetime.fromtimestamp(status.st_mtime, UTC)
                yield StoredFile(name=path.name, bytes=status.st_size, modified_at=modified_at)

    def free_bytes(self) -> int:
        return disk_of(self._folder).free


def name_of(digest: str, file_path: str) -> str:
    """Return the file name: the hash, with the client's suffix where that is a plain one, for nodes look at it."""
    suffix = PurePosixPath(file_path.replace("\\", "/")).suffix.lower()
    return digest.removeprefix("blake3:") + (suffix if SUFFIX.fullmatch(suffix) else "")


def hash_of(name: str) -> str:
    return f"blake3:{name.partition('.')[0]}"
