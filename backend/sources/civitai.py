"""Civitai: what a model and its versions hold, and which of its files have certain hashes."""

from collections.abc import Sequence
from datetime import datetime
from urllib.parse import urlsplit

from pydantic import BaseModel, Field

from backend.core import clock
from backend.sources.errors import PermanentError
from backend.sources.models import Account, FileMetadata, Located, Scan
from backend.sources.references import NARROWING, CivitaiFile, narrowing_in
from backend.sources.transport import Transport, understood

HASHES_AT_ONCE = 100


class Hashes(BaseModel):
    sha256: str | None = Field(default=None, alias="SHA256", pattern=r"^[0-9a-fA-F]{64}$")


class Metadata(BaseModel):
    format: str | None = None
    size: str | None = None
    fp: str | None = None


class File(BaseModel):
    """A file of a version."""

    id: int
    name: str
    type: str | None = None
    size_kb: float | None = Field(default=None, alias="sizeKB", ge=0)
    primary: bool = False
    metadata: Metadata | None = None
    hashes: Hashes | None = None
    download_url: str | None = Field(default=None, alias="downloadUrl")
    pickle_scan: str | None = Field(default=None, alias="pickleScanResult")
    virus_scan: str | None = Field(default=None, alias="virusScanResult")

    @property
    def properties(self) -> tuple[tuple[str, str], ...]:
        """What `?type=…&format=…` in a download address is held against."""
        about = self.metadata or Metadata()
        values = (str(self.id), self.type, about.format, about.size, about.fp)
        return tuple((name, value) for name, value in zip(NARROWING, values, strict=True) if value)

    @property
    def facts(self) -> FileMetadata:
        sha256 = self.hashes and self.hashes.sha256
        return FileMetadata(
            bytes=None if self.size_kb is None else round(self.size_kb * 1024),
            sha256=sha256.lower() if sha256 else None,
            scan=_scan(self.pickle_scan, self.virus_scan),
            asked_at=clock.now(),
        )


class Name(BaseModel):
    name: str
    type: str


class Version(BaseModel):
    """A version of a model; `model` is missing where it comes as a part of the model."""

    id: int
    name: str = ""
    model_id: int | None = Field(default=None, alias="modelId")
    model: Name | None = None
    usage: str = Field(default="Download", alias="usageControl")
    early_until: datetime | None = Field(default=None, alias="earlyAccessEndsAt")
    files: list[File] = []

    @property
    def is_early(self) -> bool:
        return self.early_until is not None and self.early_until > clock.now()

    @property
    def primary_first(self) -> list[File]:
        return sorted(self.files, key=lambda file: not file.primary)

    def chosen(self, place: CivitaiFile) -> File | None:
        """The file that a download address means."""
        return next((file for file in self.primary_first if place.is_met_by(file.properties)), None)

    def address(self, file: File, site: str) -> CivitaiFile:
        """Where a file of this version is downloaded. The primary one needs no narrowing."""
        narrowing = narrowing_in(urlsplit(file.download_url or "").query)
        if not narrowing and not file.primary:
            narrowing = file.properties[:1]
        return CivitaiFile(site=site, version=self.id, narrowing=narrowing)


class Model(BaseModel):
    name: str
    type: str
    versions: list[Version] = Field(default=[], alias="modelVersions")


class Me(BaseModel):
    username: str


class Civitai:
    """Speaks the protocol of Civitai, to it or to a mirror."""

    def __init__(self, transport: Transport, endpoint: str):
        self._transport = transport
        self.endpoint = endpoint

    async def locate(self, place: CivitaiFile) -> Located:
        """Hash of the file. Its size comes with the bytes: what the site publishes is rounded at times."""
        version = await self.version(place.site, place.version)
        check_usage(version)
        file = version.chosen(place)
        sha256 = file.facts.sha256 if file else None
        return Located(
            url=place.address,
            headers=self._transport.headers_for(place.address),
            sha256=sha256,
            identity=sha256,
        )

    async def version(self, site: str, version: int) -> Version:
        answer = await self._transport.ask(f"{site}/api/v1/model-versions/{version}")
        return understood(Version, answer)

    async def newest(self, site: str, model: int) -> Version:
        """The newest version of a model."""
        answer = await self._transport.ask(f"{site}/api/v1/models/{model}")
        found = understood(Model, answer)
        if not found.versions:
            raise PermanentError("not_at_source", f"{found.name} has no version that can be downloaded.")
        about = {"model": Name(name=found.name, type=found.type), "model_id": model}
        return found.versions[0].model_copy(update=about)

    async def with_hashes(self, hashes: Sequence[str]) -> list[Version]:
        """The versions that hold a file with one of these SHA-256s. Nobody knows the others."""
        found = []
        for start in range(0, len(hashes), HASHES_AT_ONCE):
            url = f"{self.endpoint}/api/v1/model-versions/by-hash"
            some = list(hashes[start : start + HASHES_AT_ONCE])
            answer = await self._transport.ask(url, method="POST", body=some)
            found += understood(list[Version], answer)
        return found

    async def account_of(self, token: str) -> Account:
        answer = await self._transport.ask(f"{self.endpoint}/api/v1/me", token=token)
        return Account(name=understood(Me, answer).username)


def check_usage(version: Version) -> None:
    """PermanentError when the creator lets nobody download this."""
    if version.usage != "Download":
        raise PermanentError(
            "not_for_download",
            f"The creator of {version.name or 'this version'} allows its use on Civitai only, not its download.",
        )


def _scan(*results: str | None) -> Scan | None:
    told = {result for result in results if result}
    if not told:
        return None
    if "Danger" in told:
        return Scan.UNSAFE
    return Scan.SAFE if told == {"Success"} else Scan.PENDING
