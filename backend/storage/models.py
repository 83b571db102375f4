"""Model files, and what the API says of them."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from pydantic import BaseModel, Field

from backend.core.disk import Disk

# What ComfyUI's own placeholders, hidden files and unfinished files are called.
NOT_MODELS_START = (".", "put_")
UNFINISHED = (".part", ".partial", ".crdownload", ".download", ".tmp", ".aria2")


class ModelFile(NamedTuple):
    """A file in a model folder, as it was when it was last looked at. A tuple, because there are thousands."""

    directory: str
    filename: str
    # As ComfyUI calls it, whatever the folder is called on disk: `loras`, `loras/style`.
    folder: str
    bytes: int
    # With `bytes` and `inode`, tells whether the content may have changed since it was hashed.
    mtime_ns: int
    inode: int
    # How many names the file has; deleting one of several frees nothing.
    links: int
    # Whether ComfyUI offers it; False for what is empty, unfinished or hidden.
    is_model: bool
    # Whether the bytes are in the workspace's folder of models, not behind a link that leads out of it.
    in_workspace: bool

    @property
    def path(self) -> Path:
        return Path(self.directory, self.filename)

    @property
    def state(self) -> tuple[int, int, int]:
        """Changes with the content."""
        return self.bytes, self.mtime_ns, self.inode

    @property
    def place(self) -> str:
        """The name that users see: `loras/style/ink.safetensors`."""
        return f"{self.folder}/{self.filename}"


def can_be_model(directory: str, filename: str) -> bool:
    """Whether ComfyUI offers a file of this name as a model."""
    return (
        not filename.startswith(NOT_MODELS_START)
        and not filename.endswith(UNFINISHED)
        and _is_text(filename)
        and _is_text(directory)
    )


def _is_text(name: str) -> bool:
    """False for a name that is not UTF-8: ComfyUI cannot show such a file to a browser either."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


@dataclass(frozen=True, kw_only=True)
class Deleted:
    """A file that was deleted."""

    file: ModelFile
    # 0 when the content has another name, which keeps it on disk.
    freed: int


class FolderUsage(BaseModel):
    name: str
    files: int
    bytes: int


class StorageView(BaseModel):
    disk: Disk
    folders: list[FolderUsage]


class ModelView(BaseModel):
    """A model file in the API."""

    path: str = Field(
        description="Below the workspace's folder of models: `loras/style/ink.safetensors`. Elsewhere the whole path."
    )
    folder: str = Field(description="As ComfyUI calls it, whatever the folder is called on disk.")
    filename: str
    bytes: int
    modified_at: datetime
    sha256: str | None = Field(description="Null while the file has not been read since it changed.")
    presets: list[str] = Field(description="Ids of the presets that need it.")
    deletable: bool = Field(description="False for a file outside the workspace.")
    hard_links: int = Field(
        description="How many names the content has on this volume. Deleting one of several frees no space."
    )
