"""The content of the hub: repositories with their history, Civitai versions, plain files."""

import hashlib
from dataclasses import dataclass, field

from tests.support.hub.content import Content

# Larger files are in LFS, and so are all files with these suffixes.
LFS_THRESHOLD = 10_000_000
LFS_SUFFIXES = (".safetensors", ".gguf", ".ckpt", ".pt", ".pth", ".bin", ".onnx", ".zip")


@dataclass(frozen=True, kw_only=True)
class HubFile:
    """One file of one repository. Faults, gates and requests refer to it by `key`."""

    repo: str
    path: str
    content: Content
    lfs: bool
    # the hub's own scan: safe, unsafe, suspicious, queued
    security: str = "safe"

    @property
    def key(self) -> str:
        return f"{self.repo}/{self.path}"

    @property
    def size(self) -> int:
        return self.content.size

    @property
    def sha256(self) -> str:
        return self.content.sha256

    @property
    def pointer(self) -> bytes:
        """Return the pointer that git stores for a file in LFS."""
        lines = (
            "version https://git-lfs.github.com/spec/v1",
            f"oid sha256:{self.sha256}",
            f"size {self.size}",
        )
        return "\n".join((*lines, "")).encode()

    @property
    def git_oid(self) -> str:
        return git_oid(self.pointer) if self.lfs else self.content.git_oid

    @property
    def etag(self) -> str:
        return self.content.sha256 if self.lfs else self.content.git_oid


def git_oid(data: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


@dataclass(kw_only=True)
class Repository:
    """A model repository. Every change makes a commit; old commits stay available."""

    name: str
    gated: bool = False
    private: bool = False
    licence: str = "apache-2.0"
    history: dict[str, dict[str, HubFile]] = field(default_factory=dict)
    branches: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._commit({})

    def add(self, file: HubFile) -> None:
        self._commit({**self.files("main"), file.path: file})

    def remove(self, path: str) -> None:
        self._commit({name: file for name, file in self.files("main").items() if name != path})

    def commit_of(self, revision: str) -> str | None:
        """Return the full id of a branch or an abbreviated commit."""
        if revision in self.branches:
            return self.branches[revision]
        return next((commit for commit in self.history if commit.startswith(revision)), None)

    def files(self, revision: str) -> dict[str, HubFile]:
        commit = self.commit_of(revision)
        return {} if commit is None else self.history[commit]

    def _commit(self, files: dict[str, HubFile]) -> None:
        commit = hashlib.sha1(f"{self.name} {len(self.history)}".encode()).hexdigest()
        self.history[commit] = files
        self.branches["main"] = commit


@dataclass(frozen=True, kw_only=True)
class PlainFile:
    """A file of a plain web server, at `/files/<path>`."""

    path: str
    content: Content

    @property
    def key(self) -> str:
        return f"files/{self.path}"

    @property
    def size(self) -> int:
        return self.content.size

    @property
    def sha256(self) -> str:
        return self.content.sha256


@dataclass(frozen=True, kw_only=True)
class CivitaiFile:
    """One file of a version. A download can be filtered by `type`, `format`, `extent` and `fp`."""

    name: str
    content: Content
    type: str = "Model"
    format: str = "SafeTensor"
    # full or pruned
    extent: str = "full"
    fp: str = "fp16"
    # Success, Danger, Pending
    pickle_scan: str = "Success"


@dataclass(frozen=True, kw_only=True)
class CivitaiVersion:
    """One version of a Civitai model: its primary file, and more files in `more`."""

    id: int
    model_id: int
    filename: str
    content: Content
    more: tuple[CivitaiFile, ...] = ()
    model_name: str = "A model"
    name: str = "v1.0"
    type: str = "Checkpoint"
    base_model: str = "SDXL 1.0"
    format: str = "SafeTensor"
    pickle_scan: str = "Success"
    needs_login: bool = False
    early_access: bool = False
    usage_control: str = "Download"
    # the hash that the site publishes, if it is wrong
    published_sha256: str | None = None

    @property
    def key(self) -> str:
        return f"civitai/{self.id}"

    @property
    def files(self) -> tuple[CivitaiFile, ...]:
        primary = CivitaiFile(
            name=self.filename, content=self.content, format=self.format, pickle_scan=self.pickle_scan
        )
        return primary, *self.more

    @property
    def size(self) -> int:
        return self.content.size

    @property
    def sha256(self) -> str:
        return self.content.sha256


class Catalogue:
    """All repositories, versions and files of a hub."""

    def __init__(self) -> None:
        self.repositories: dict[str, Repository] = {}
        self.civitai: dict[int, CivitaiVersion] = {}
        self.plain: dict[str, PlainFile] = {}

    def repository(self, name: str) -> Repository:
        """Return the repository; create it on first use."""
        return self.repositories.setdefault(name, Repository(name=name))

    def add(
        self, repo: str, path: str, content: Content, lfs: bool | None = None, security: str = "safe"
    ) -> HubFile:
        if lfs is None:
            lfs = path.endswith(LFS_SUFFIXES) or content.size > LFS_THRESHOLD
        file = HubFile(repo=repo, path=path, content=content, lfs=lfs, security=security)
        self.repository(repo).add(file)
        return file

    def add_plain(self, path: str, content: Content) -> PlainFile:
        file = self.plain[path] = PlainFile(path=path, content=content)
        return file

    def add_civitai(self, version: CivitaiVersion) -> CivitaiVersion:
        self.civitai[version.id] = version
        return version
