"""Hugging Face: where a file is, what a repository holds, whether we may read it."""

import re
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import quote

from pydantic import BaseModel, Field

from backend.core import clock
from backend.downloads.found import FileFacts, Located
from backend.downloads.transport import Transport, plain_faults, understood

SHA256 = re.compile(r"^[0-9a-f]{64}$")
GIT_SHA1 = re.compile(r"^[0-9a-f]{40}$")


@dataclass(frozen=True, kw_only=True)
class Repository:
    """A repository at one commit."""

    name: str
    commit: str
    licence: str | None
    gated: bool
    # By path.
    files: dict[str, FileFacts]


class Lfs(BaseModel):
    sha256: str = Field(pattern=SHA256)
    size: int = Field(ge=0)


class Sibling(BaseModel):
    """A file as the model's description has it."""

    rfilename: str
    size: int | None = Field(default=None, ge=0)
    blob_id: str | None = Field(default=None, alias="blobId", pattern=GIT_SHA1)
    lfs: Lfs | None = None


class ModelInfo(BaseModel):
    """The part of `/api/models/…` that we read."""

    id: str
    sha: str = Field(pattern=GIT_SHA1)
    gated: bool | str = False
    card_data: dict[str, Any] | None = Field(default=None, alias="cardData")
    siblings: list[Sibling] = []


class HuggingFace:
    """Speaks the protocol of Hugging Face, to it or to a mirror."""

    def __init__(self, transport: Transport, endpoint: str):
        self._transport = transport
        self.endpoint = endpoint.rstrip("/")

    async def locate(self, url: str) -> Located:
        """Size and hash of the file at a `/resolve/` address."""
        with plain_faults():
            response = await self._transport.head(url)
        etag = _bare(response.headers.get("x-linked-etag") or response.headers.get("etag", ""))
        size = response.headers.get("x-linked-size")
        if size is None and response.status_code == 200:
            size = response.headers.get("content-length")
        return Located(
            url=url,
            headers=self._transport.headers_for(url),
            bytes=int(size) if size and size.isdigit() else None,
            sha256=etag if SHA256.match(etag) else None,
            git_sha1=etag if GIT_SHA1.match(etag) else None,
            identity=etag or None,
        )

    async def repository(self, repo: str, revision: str) -> Repository:
        """Commit, licence and every file with size and hash, in one call."""
        url = f"{self.endpoint}/api/models/{repo}/revision/{quote(revision, safe='')}?blobs=true"
        answer = await self._transport.ask(url)
        return _repository(understood(ModelInfo, answer.body))


def _repository(info: ModelInfo) -> Repository:
    licence = (info.card_data or {}).get("license")
    about = Repository(
        name=info.id,
        commit=info.sha,
        licence=licence if isinstance(licence, str) else None,
        gated=bool(info.gated),
        files={},
    )
    return replace(about, files={file.rfilename: _facts(file, about) for file in info.siblings})


def _facts(file: Sibling, about: Repository) -> FileFacts:
    return FileFacts(
        bytes=file.lfs.size if file.lfs else file.size,
        sha256=file.lfs.sha256 if file.lfs else None,
        git_sha1=None if file.lfs else file.blob_id,
        commit=about.commit,
        licence=about.licence,
        gated=about.gated,
        asked_at=clock.now(),
    )


def _bare(etag: str) -> str:
    return etag.removeprefix("W/").strip('"')
