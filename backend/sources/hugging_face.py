"""Hugging Face: the location of a file, the files of a repository, access to gated repositories."""

import re
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import quote

import httpx
from pydantic import BaseModel, Field

from backend.core import clock
from backend.sources.errors import PermanentError
from backend.sources.headers import content_length, header_number
from backend.sources.models import Access, Account, FileMetadata, Located, Scan
from backend.sources.responses import parse
from backend.sources.transport import Transport

SITE = "https://huggingface.co"
SHA256 = re.compile(r"^[0-9a-f]{64}$")
GIT_SHA1 = re.compile(r"^[0-9a-f]{40}$")
CONTENT_RANGE = re.compile(r"bytes \d+-\d+/(\d{1,18})", re.ASCII)
SCANS = {"safe": Scan.SAFE, "unsafe": Scan.UNSAFE, "queued": Scan.PENDING, "pending": Scan.PENDING}


@dataclass(frozen=True, kw_only=True)
class Repository:
    """A repository at one commit."""

    name: str
    commit: str
    licence: str | None
    gated: bool
    # By path.
    files: dict[str, FileMetadata]

    @property
    def page(self) -> str:
        """The page where a user reads and accepts its licence, also when a mirror is used."""
        return f"{SITE}/{self.name}"


class Lfs(BaseModel):
    sha256: str = Field(pattern=SHA256)
    size: int = Field(ge=0)


class Sibling(BaseModel):
    """A file, as the API describes a repository."""

    rfilename: str
    size: int | None = Field(default=None, ge=0)
    blob_id: str | None = Field(default=None, alias="blobId", pattern=GIT_SHA1)
    lfs: Lfs | None = None


class Issue(BaseModel):
    path: str
    level: str


class Scans(BaseModel):
    """The summary of the hub's scanners. Once all scans are done, files that are not listed are safe."""

    done: bool = Field(default=False, alias="scansDone")
    issues: list[Issue] = Field(default=[], alias="filesWithIssues")

    def of(self, path: str) -> Scan:
        level = next((issue.level for issue in self.issues if issue.path == path), None)
        if level is None:
            return Scan.SAFE if self.done else Scan.PENDING
        return SCANS.get(level, Scan.SUSPICIOUS)


class ModelInfo(BaseModel):
    """What we use of `/api/models/…`."""

    id: str
    sha: str = Field(pattern=GIT_SHA1)
    gated: bool | str = False
    card_data: dict[str, Any] | None = Field(default=None, alias="cardData")
    siblings: list[Sibling] = []
    scans: Scans | None = Field(default=None, alias="securityRepoStatus")


class FineGrained(BaseModel):
    can_read_gated: bool = Field(default=False, alias="canReadGatedRepos")


class AccessToken(BaseModel):
    role: str
    fine_grained: FineGrained | None = Field(default=None, alias="fineGrained")


class Auth(BaseModel):
    access_token: AccessToken | None = Field(default=None, alias="accessToken")


class WhoAmI(BaseModel):
    """What we use of `/api/whoami-v2`."""

    name: str
    auth: Auth = Auth()

    @property
    def reads_gated(self) -> bool:
        """Return whether the token may read gated repositories. A fine-grained one may lack that permission."""
        token = self.auth.access_token
        if token is None or token.role != "fineGrained" or token.fine_grained is None:
            return True
        return token.fine_grained.can_read_gated


class HuggingFace:
    """The client of Hugging Face, or of a mirror that speaks its protocol."""

    def __init__(self, transport: Transport, endpoint: str):
        self._transport = transport
        self.endpoint = endpoint.rstrip("/")

    async def locate(self, url: str) -> Located:
        """Return size and hash of the file at a `/resolve/` URL."""
        response = await self._transport.metadata_of(url)
        etag = _strong(response.headers.get("x-linked-etag") or response.headers.get("etag", ""))
        return Located(
            url=url,
            headers=self._transport.headers_for(url),
            bytes=_size(response),
            sha256=etag if SHA256.match(etag) else None,
            git_sha1=etag if GIT_SHA1.match(etag) else None,
            identity=etag or None,
        )

    async def repository(self, repo: str, revision: str) -> Repository:
        """Return commit, licence and every file with size, hash and scan, in one request."""
        url = f"{self._api(repo)}/revision/{quote(revision, safe='')}?blobs=true&securityStatus=true"
        return _repository(repo, parse(ModelInfo, await self._transport.json(url)))

    async def access(self, repository: Repository) -> Access:
        """Return whether our token may read a repository."""
        if not repository.gated:
            return Access.OPEN
        try:
            await self._transport.check_readable(f"{self._api(repository.name)}/auth-check")
        except PermanentError:
            return Access.LICENCE_NEEDED
        return Access.GRANTED

    async def account_of(self, token: str) -> Account:
        account = parse(WhoAmI, await self._transport.json(f"{self.endpoint}/api/whoami-v2", token=token))
        return Account(name=account.name, reads_gated=account.reads_gated)

    def _api(self, repo: str) -> str:
        kind: Literal["", "models/"] = "" if repo.startswith(("datasets/", "spaces/")) else "models/"
        return f"{self.endpoint}/api/{kind}{repo}"


def _repository(name: str, info: ModelInfo) -> Repository:
    """`name` is the requested one: the response has the new name of a renamed repository, and no `datasets/`."""
    licence = (info.card_data or {}).get("license")
    licence = licence if isinstance(licence, str) else None
    files = {
        file.rfilename: FileMetadata(
            bytes=file.lfs.size if file.lfs else file.size,
            sha256=file.lfs.sha256 if file.lfs else None,
            git_sha1=None if file.lfs else file.blob_id,
            commit=info.sha,
            licence=licence,
            gated=bool(info.gated),
            scan=info.scans.of(file.rfilename) if info.scans else None,
            fetched_at=clock.now(),
        )
        for file in info.siblings
    }
    return Repository(name=name, commit=info.sha, licence=licence, gated=bool(info.gated), files=files)


def _size(response: httpx.Response) -> int | None:
    """Return the size of the file. The length of a redirect is not it."""
    if (linked := header_number(response.headers, "x-linked-size")) is not None:
        return linked
    if response.status_code == 206:
        match = CONTENT_RANGE.fullmatch(response.headers.get("content-range", ""))
        return int(match[1]) if match else None
    return content_length(response.headers) if response.status_code == 200 else None


def _strong(etag: str) -> str:
    return etag.removeprefix("W/").strip('"')
