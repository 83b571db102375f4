"""What is on disk, in numbers."""

from pydantic import BaseModel


class Disk(BaseModel):
    """The file system that holds the workspace, in bytes."""

    total: int
    used: int
    free: int


class FolderUsage(BaseModel):
    name: str
    files: int
    bytes: int


class StorageView(BaseModel):
    disk: Disk
    folders: list[FolderUsage]
