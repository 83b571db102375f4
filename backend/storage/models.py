"""What is on disk, in numbers."""

from pydantic import BaseModel

from backend.core.disk import Disk


class FolderUsage(BaseModel):
    name: str
    files: int
    bytes: int


class StorageView(BaseModel):
    disk: Disk
    folders: list[FolderUsage]
