"""What is synchronised, where to, and how far it is."""

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
    """When files are uploaded without a request."""

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
        """Return rclone's name for the storage: what differs between them depends on it."""
        host = urlsplit(self.endpoint).hostname or "amazonaws.com"
        if host.endswith("amazonaws.com"):
            return "AWS"
        return "Cloudflare" if host.endswith(".r2.cloudflarestorage.com") else "Other"

    def path_of(self, *names: str) -> str:
        """Return the path of a folder in the bucket."""
        return "/".join(part for part in (self.bucket, self.prefix, *names) if part)


@dataclass(frozen=True, kw_only=True)
class Choice:
    """What the user chose."""

    when: When = When.JOBS
    minutes: int = 30
    # Most megabytes a second; 0 is no limit.
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
    """A file as the table has it."""

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
    """How a run ended. `problem` says why it did not copy everything, and what to do."""

    kind: Kind
    remote: str
    at: datetime
    files: int
    size: int
    # Files of a restore that the pod has with another content; they stay.
    kept: int = 0
    problem: str | None = None
