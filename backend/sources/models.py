"""What a source tells about files before their first byte."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, Field, StringConstraints

from backend.sources.formats import Format


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
class FileMetadata:
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
    facts: FileMetadata


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
    # The folder in the repository that was asked about; empty for all of it.
    root: str = ""
    # In the order of the source.
    offers: tuple[Offer, ...]
    # Whether the source says that the first is the main one.
    first_is_meant: bool = False


@dataclass(frozen=True, kw_only=True)
class Account:
    """Whose token it is."""

    name: str
    # Whether the token opens repositories whose licence the account has accepted.
    reads_gated: bool = True


class LookRequest(BaseModel):
    """Ask what is behind an address."""

    url: str = Field(
        max_length=4096,
        description="A page, file or folder of Hugging Face, `owner/name`, a page or download of Civitai, an AIR, "
        "or any http(s) URL.",
    )


class RemoteFileView(BaseModel):
    """One file that can be downloaded."""

    url: str = Field(description="What to download it with: pinned to a commit where there are commits.")
    path: str | None = Field(description="Its place at the source.")
    filename: str | None = Field(description="The name that it would get; null: choose one.")
    folder: str | None = Field(description="The model folder that it seems to belong in.")
    bytes: int | None
    sha256: str | None
    format: Format = Field(description="As its name tells; loading a `pickle` can run code that is in it.")
    scan: Scan | None = Field(description="What the hub's own scanners say; null: nobody scanned it.")


class ListingView(BaseModel):
    """What is behind an address."""

    title: str
    page: str | None = Field(description="The page about it, for people.")
    licence: str | None = Field(description="As the hub spells it, such as `apache-2.0`.")
    access: Access
    message: str | None = Field(description="What to do before it can be downloaded; null when it can be.")
    first_is_meant: bool = Field(description="Whether the source says that the first file is the main one.")
    bytes: int = Field(description="Of all files whose size is known.")
    files: list[RemoteFileView]


Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-fA-F]{64}$", to_lower=True)]


class HashesRequest(BaseModel):
    """Ask where files with these contents can be had."""

    sha256: list[Sha256] = Field(min_length=1, max_length=1000)
