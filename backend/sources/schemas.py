"""What the API of sources accepts and returns."""

from typing import Annotated

from pydantic import BaseModel, Field, StringConstraints

from backend.sources.formats import Format
from backend.sources.models import Access, Scan


class ListingRequest(BaseModel):
    """Ask which files a URL refers to."""

    url: str = Field(
        max_length=4096,
        description="A page, file or folder of Hugging Face, `owner/name`, a page or download of Civitai, an AIR, "
        "or any http(s) URL.",
    )


class RemoteFileView(BaseModel):
    """One file that can be downloaded."""

    url: str = Field(description="URL to download it with, pinned to a commit where there are commits.")
    path: str | None = Field(description="Its path at the source.")
    filename: str | None = Field(description="The name that it would get; null: choose one.")
    folder: str | None = Field(description="The model folder that it seems to belong in.")
    bytes: int | None
    sha256: str | None
    format: Format = Field(description="From its name. Loading a `pickle` can run code that it contains.")
    scan: Scan | None = Field(description="Result of the hub's own scanners; null: not scanned.")


class ListingView(BaseModel):
    """The files that a URL refers to."""

    title: str
    page: str | None = Field(description="The hub's page about it.")
    licence: str | None = Field(description="As the hub spells it, such as `apache-2.0`.")
    access: Access
    message: str | None = Field(description="What to do before it can be downloaded; null when it can be.")
    first_is_main: bool = Field(description="Whether the source marks the first file as the main one.")
    bytes: int = Field(description="Of all files whose size is known.")
    files: list[RemoteFileView]


Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-fA-F]{64}$", to_lower=True)]


class HashesRequest(BaseModel):
    """Ask where files with these hashes can be downloaded."""

    sha256: list[Sha256] = Field(min_length=1, max_length=1000)
