"""What a source tells about files before their first byte."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


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


class Scan(StrEnum):
    """What the hub's own scanners say about a file."""

    SAFE = "safe"
    SUSPICIOUS = "suspicious"
    UNSAFE = "unsafe"
    # Not scanned yet.
    PENDING = "pending"


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
    scan: Scan | None = None
    # When the hub was asked.
    asked_at: datetime


class Access(StrEnum):
    """Whether we may read what an address stands for."""

    # Everybody may.
    OPEN = "open"
    # Its licence was accepted by the owner of our token.
    GRANTED = "granted"
    # Its licence has to be accepted on its page, and a token of that account set.
    LICENCE_NEEDED = "licence_needed"
    # In early access: only who bought it may, until `open_from`.
    EARLY = "early"


@dataclass(frozen=True, kw_only=True)
class Offer:
    """One file that can be downloaded."""

    # Nothing secret is in it. Pinned to a commit where the hub has commits.
    url: str
    # Its place at the source, with folders; None when the source does not tell a name.
    path: str | None
    # The model folder that it seems to belong in.
    folder: str | None = None
    facts: FileFacts


@dataclass(frozen=True, kw_only=True)
class Look:
    """What is behind an address."""

    # For people, such as `Comfy-Org/flux1-dev`, `A model, v1.0`.
    title: str
    # The page about it, for people.
    page: str | None = None
    licence: str | None = None
    access: Access = Access.OPEN
    # When early access ends.
    open_from: datetime | None = None
    # In the order of the source. The first is the one that is meant when one file is asked for.
    offers: tuple[Offer, ...]


@dataclass(frozen=True, kw_only=True)
class Account:
    """Whose token it is."""

    name: str
    # Whether the token opens repositories whose licence the account has accepted.
    reads_gated: bool = True
