"""Model files, and their API types."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from pydantic import BaseModel, Field

from backend.core.disk import Disk
from backend.core.formatting import format_bytes
from backend.storage.trash.models import TrashUsage

# Names of unfinished files.
UNFINISHED = (".part", ".partial", ".crdownload", ".download", ".tmp", ".aria2")


class ModelFile(NamedTuple):
    """A file in a model folder, as last read from disk. A tuple, because there are thousands."""

    directory: str
    filename: str
    # ComfyUI's name of the folder, which may differ from the name on disk: `loras`, `loras/style`.
    folder: str
    bytes: int
    # With `bytes` and `inode`, detects that the content may have changed since it was hashed.
    mtime_ns: int
    inode: int
    # The number of hard links; deleting one of several frees no space.
    links: int
    # ComfyUI offers it. False for empty, unfinished and hidden files.
    is_model: bool
    # Stored in the workspace's model folder, not behind a link that leads out of it.
    in_workspace: bool

    @property
    def path(self) -> Path:
        return Path(self.directory, self.filename)

    @property
    def state(self) -> tuple[int, int, int]:
        """Return a value that changes when the content changes."""
        return self.bytes, self.mtime_ns, self.inode

    @property
    def place(self) -> str:
        """Return the name that users see: `loras/style/ink.safetensors`."""
        return f"{self.folder}/{self.filename}"


def can_be_model(directory: str, filename: str) -> bool:
    """Return True if ComfyUI offers a file of this name as a model."""
    return (
        not filename.startswith(".")
        and not is_placeholder(filename)
        and not filename.endswith(UNFINISHED)
        and _is_text(filename)
        and _is_text(directory)
    )


def is_placeholder(filename: str) -> bool:
    """Return True for ComfyUI's `put_checkpoints_here`."""
    return filename.startswith("put_") and "." not in filename


def _is_text(name: str) -> bool:
    """Return False for a name that is not UTF-8, which ComfyUI cannot show in a browser."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


@dataclass(frozen=True, kw_only=True)
class Deleted:
    """A file that was deleted."""

    file: ModelFile
    # 0 when another hard link keeps the content on disk.
    freed: int


class ModelUse(NamedTuple):
    """A preset that needs a file of some path, and the content that it expects there."""

    preset: str
    title: str
    bytes: int | None
    sha256: str | None

    def accepts(self, file: ModelFile, sha256: str | None) -> bool | None:
        """Return whether the file is the expected one; None when neither its hash nor its size can be compared."""
        if None not in (self.sha256, sha256):
            return self.sha256 == sha256
        return None if self.bytes is None else self.bytes == file.bytes


def difference(file: ModelFile, sha256: str | None, uses: Sequence[ModelUse]) -> str | None:
    """Return how a file differs from what every preset expects under its name: `7 B instead of 4.3 GB`."""
    verdicts = {use: use.accepts(file, sha256) for use in uses}
    refusing = [use for use, accepted in verdicts.items() if accepted is False]
    if not refusing or True in verdicts.values():
        return None
    expected = refusing[0].bytes
    if expected in (None, file.bytes):
        return "the same size, different content"
    return f"{format_bytes(file.bytes)} instead of {format_bytes(expected)}"


class FolderUsage(BaseModel):
    name: str
    files: int
    bytes: int


class StorageView(BaseModel):
    disk: Disk
    folders: list[FolderUsage]
    trash: TrashUsage = Field(description="What emptying the trash frees.")


class ModelView(BaseModel):
    """A model file in the API."""

    path: str = Field(
        description="Relative to the workspace's model folder, such as `loras/style/ink.safetensors`; absolute elsewhere."
    )
    folder: str = Field(description="ComfyUI's name of the folder, which may differ from the name on disk.")
    filename: str
    bytes: int
    modified_at: datetime
    sha256: str | None = Field(description="Null if the file has not been hashed since it changed.")
    presets: list[str] = Field(description="Ids of the presets that need it.")
    deletable: bool = Field(description="False for a file outside the workspace.")
    wrong: str | None = Field(
        description="How it differs from what presets expect under its name; null if it does not, or the user keeps it."
    )
    hard_links: int = Field(
        description="The number of hard links to the content. Deleting one of several frees no space."
    )
