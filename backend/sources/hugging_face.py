"""Hugging Face: where a file is, what a repository holds, whether we may read it."""

import re
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import quote

from pydantic import BaseModel, Field

from backend.core import clock
from backend.sources.errors import PermanentError
from backend.sources.models import Access, Account, FileMetadata, Located, Scan
from backend.sources.transport import Transport, plain_faults, understood

SITE = "https://huggingface.co"
SHA256 = re.compile(r"^[0-9a-f]{64}$")
GIT_SHA1 = re.compile(r"^[0-9a-f]{40}$")
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
        """For people: where its licence can be read and accepted, also when a mirror is used."""
        return f"{SITE}/{self.name}"


class Lfs(BaseModel):
    sha256: str = Field(pattern=SHA256)
    size: int = Field(ge=0)


class Sibling(BaseModel):
    """A file as the model's description has it."""

    rfilename: str
    size: int | None = Field(default=None, ge=0)
    blob_id: str | None = Field(default=None, alias="blobId", pattern=GIT_SHA1)
    lfs: Lfs | None = None


class Issue(BaseModel):
    path: str
    level: str


class Scans(BaseModel):
    """The summary of the hub's scanners: files that are not mentioned are safe, once all scans are done."""

    done: bool = Field(default=False, alias="scansDone")
    issues: list[Issue] = Field(default=[], alias="filesWithIssues")

    def of(self, path: str) -> Scan:
        level = next((issue.level for issue in self.issues if issue.path == path), None)
        if level is None:
            return Scan.SAFE if self.done else Scan.PENDING
        return SCANS.get(level, Scan.SUSPICIOUS)


class ModelInfo(BaseModel):
    """The part of `/api/models/…` that we read."""

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
    """The part of `/api/whoami-v2` that we read."""

    name: str
    auth: Auth = Auth()

    @property
    def reads_gated(self) -> bool:
        """A fine-grained token may have been made without the right to gated repositories."""
        token = self.auth.access_token
        if token is None or token.role != "fineGrained" or token.fine_grained is None:
            return True
        return token.fine_grained.can_read_gated


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
        """Commit, licence and every file with size, hash and scan, in one call."""
        url = f"{self._api(repo)}/revision/{quote(revision, safe='')}?blobs=true&securityStatus=true"
        answer = await self._transport.ask(url)
        return _repository(repo, understood(ModelInfo, answer))

    async def access(self, repository: Repository) -> Access:
        """Whether we may read a repository that we know of."""
        if not repository.gated:
            return Access.OPEN
        try:
            await self._transport.probe(f"{self._api(repository.name)}/auth-check")
        except PermanentError:
            return Access.LICENCE_NEEDED
        return Access.GRANTED

    async def account_of(self, token: str) -> Account:
        answer = await self._transport.ask(f"{self.endpoint}/api/whoami-v2", token=token)
        told = understood(WhoAmI, answer)
        return Account(name=told.name, reads_gated=told.reads_gated)

    def _api(self, repo: str) -> str:
        kind: Literal["", "models/"] = "" if repo.startswith(("datasets/", "spaces/")) else "models/"
        return f"{self.endpoint}/api/{kind}{repo}"


def _repository(name: str, info: ModelInfo) -> Repository:
    """`name` as it was asked for: the answer has the new one of a renamed repository, and no `datasets/`."""
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
            asked_at=clock.now(),
        )
        for file in info.siblings
    }
    return Repository(name=name, commit=info.sha, licence=licence, gated=bool(info.gated), files=files)


def _bare(etag: str) -> str:
    return etag.removeprefix("W/").strip('"')
