"""What is on disk: model files, and the room they take."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from pydantic import BaseModel, Field

from backend.core.disk import Disk


@dataclass(frozen=True, kw_only=True)
class ModelFile:
    """A model file that ComfyUI can choose."""

    path: Path
    # As ComfyUI calls it, whatever the folder is called on disk: `loras`, `loras/style`.
    folder: str
    bytes: int
    # With `bytes`, tells whether the content may have changed since it was hashed.
    mtime_ns: int
    inode: int

    @property
    def filename(self) -> str:
        return self.path.name

    @property
    def place(self) -> str:
        """What people call it: `loras/style/ink.safetensors`."""
        return f"{self.folder}/{self.filename}"


class FolderUsage(BaseModel):
    name: str
    files: int
    bytes: int


class StorageView(BaseModel):
    disk: Disk
    folders: list[FolderUsage]


class ModelView(BaseModel):
    """A model file, as it is told."""

    path: str = Field(
        description="Below the workspace's folder of models: `loras/style/ink.safetensors`. Elsewhere the whole path."
    )
    folder: str = Field(description="As ComfyUI calls it, whatever the folder is called on disk.")
    filename: str
    bytes: int
    modified_at: datetime
    sha256: str | None = Field(description="Null: nobody has read the whole file since it changed.")
    presets: list[str] = Field(description="Ids of the presets that need it.")
    deletable: bool = Field(description="False for what lies outside the workspace.")
