"""What a source tells about a file before its first byte."""

from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, kw_only=True)
class Located:
    """Where the bytes of one file are, and what they must be."""

    # Where to send the GET. May be signed: never store or log it.
    url: str
    # Sent to that address only, not to where it redirects.
    headers: dict[str, str] = field(default_factory=dict)
    bytes: int | None = None
    sha256: str | None = None
    # Git's hash of a small file, as hubs give it: sha1 of `blob {size}\0` and the content.
    git_sha1: str | None = None
    # The content's name at the hub, if it has one.
    identity: str | None = None


@dataclass(frozen=True, kw_only=True)
class FileFacts:
    """What a hub publishes about a file. None where it says nothing."""

    bytes: int | None = None
    # 64 hex digits; large files of Hugging Face and everything on Civitai have one.
    sha256: str | None = None
    # See `Located.git_sha1`; small files of Hugging Face have one.
    git_sha1: str | None = None
    # The commit that these facts belong to, 40 hex digits.
    commit: str | None = None
    # As the hub spells it, such as `apache-2.0`.
    licence: str | None = None
    # Whether somebody has to accept a licence on the hub's page first.
    gated: bool = False
    # When the hub was asked.
    asked_at: datetime
