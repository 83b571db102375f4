"""Folders, remotes, files and runs of cloud sync."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from urllib.parse import urlsplit

ENVIRONMENT = "environment"  # the name of the remote that variables describe
DEFAULT_PREFIX = "comfypod"


class FileState(StrEnum):
    PENDING = "pending"
    UPLOADING = "uploading"
    DONE = "done"
    FAILED = "failed"


class When(StrEnum):
    """When files are uploaded automatically."""

    JOBS = "jobs"
    SCHEDULE = "schedule"
    MANUAL = "manual"


class Kind(StrEnum):
    UPLOAD = "upload"
    RESTORE = "restore"


@dataclass(frozen=True, kw_only=True)
class Remote:
    """A prefix in a bucket of S3-compatible storage, and the key for it."""

    name: str
    # Empty is Amazon S3.
    endpoint: str
    region: str
    bucket: str
    prefix: str
    key_id: str
    secret: str = field(repr=False)

    @property
    def provider(self) -> str:
        """Return rclone's name of the provider; rclone adapts to its differences from Amazon S3."""
        host = urlsplit(self.endpoint).hostname or "amazonaws.com"
        if host.endswith("amazonaws.com"):
            return "AWS"
        return "Cloudflare" if host.endswith(".r2.cloudflarestorage.com") else "Other"

    def path_of(self, *names: str) -> str:
        """Return the path of a folder in the bucket."""
        return "/".join(part for part in (self.bucket, self.prefix, *names) if part)


@dataclass(frozen=True, kw_only=True)
class Choice:
    """The settings of the user."""

    when: When = When.JOBS
    minutes: int = 30
    # In megabytes per second; 0 is no limit.
    limit: int = 0


@dataclass(frozen=True, kw_only=True)
class Folder:
    """A folder that is synchronised: its name below the prefix, and its path on the volume."""

    name: str
    path: Path


@dataclass(frozen=True, kw_only=True)
class LocalFile:
    """A file on the volume. `path` begins with the name of its folder."""

    path: str
    size: int
    mtime_ns: int


@dataclass(frozen=True, kw_only=True)
class SyncedFile:
    """A row of the table of files."""

    path: str
    size: int
    state: FileState
    reason: str | None
    at: datetime


@dataclass(kw_only=True)
class Progress:
    """The run in progress."""

    kind: Kind
    remote: str
    started_at: datetime
    files: int = 0
    files_done: int = 0
    size: int = 0
    size_done: int = 0
    # Names of the files that are being copied.
    current: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """The result of a run. `problem` explains why it did not copy everything, and what to do."""

    kind: Kind
    remote: str
    at: datetime
    files: int
    size: int
    # Files of a restore that exist on the pod with other content; the restore does not replace them.
    kept: int = 0
    problem: str | None = None
