"""What a source publishes about files before their first byte is fetched."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


@dataclass(frozen=True, kw_only=True)
class Located:
    """Where the bytes of one file are, and which content to expect."""

    # Where to send the GET. May be signed: must not be stored or logged.
    url: str
    # Sent to that URL only, not to where it redirects.
    headers: dict[str, str] = field(default_factory=dict)
    bytes: int | None = None
    sha256: str | None = None
    # Git's hash of a small file, as hubs publish it: SHA-1 of `blob {size}\0` and the content.
    git_sha1: str | None = None
    # The hub's name for the content, if it has one.
    identity: str | None = None


class Scan(StrEnum):
    """The result of the hub's own scanners."""

    SAFE = "safe"
    SUSPICIOUS = "suspicious"
    UNSAFE = "unsafe"
    # Not scanned yet.
    PENDING = "pending"


@dataclass(frozen=True, kw_only=True)
class FileMetadata:
    """What a hub publishes about a file. None where it publishes nothing."""

    bytes: int | None = None
    # 64 hex digits; large files of Hugging Face and all files of Civitai have one.
    sha256: str | None = None
    # See `Located.git_sha1`; small files of Hugging Face have one.
    git_sha1: str | None = None
    # The commit that this describes, 40 hex digits.
    commit: str | None = None
    # As the hub spells it, such as `apache-2.0`.
    licence: str | None = None
    # Whether a licence must be accepted on the hub's page first.
    gated: bool = False
    scan: Scan | None = None
    fetched_at: datetime


class Access(StrEnum):
    """Whether we may download what a URL refers to."""

    # Public.
    OPEN = "open"
    # The owner of our token has accepted its licence.
    GRANTED = "granted"
    # Its licence must be accepted on its page, and a token of that account set.
    LICENCE_NEEDED = "licence_needed"
    # In early access: only buyers may, until `available_from`.
    EARLY = "early"


@dataclass(frozen=True, kw_only=True)
class RemoteFile:
    """One file that can be downloaded."""

    # Without secrets. Pinned to a commit where the hub has commits.
    url: str
    # Its path at the source, with folders; None when the source names none.
    path: str | None
    # The model folder that it seems to belong in.
    folder: str | None = None
    metadata: FileMetadata


@dataclass(frozen=True, kw_only=True)
class Listing:
    """The files that a URL refers to."""

    # Such as `Comfy-Org/flux1-dev` or `A model, v1.0`.
    title: str
    # The hub's page about it.
    page: str | None = None
    licence: str | None = None
    access: Access = Access.OPEN
    # When early access ends.
    available_from: datetime | None = None
    # The folder in the repository that the URL refers to; empty for all of it.
    root: str = ""
    # In the order of the source.
    files: tuple[RemoteFile, ...]
    # Whether the source marks the first file as the main one.
    first_is_main: bool = False


@dataclass(frozen=True, kw_only=True)
class Account:
    """The owner of a token."""

    name: str
    # Whether the token may read repositories whose licence the account has accepted.
    reads_gated: bool = True
