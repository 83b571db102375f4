"""Civitai: the versions of a model, their files, and files by hash."""

from collections.abc import Sequence
from datetime import datetime
from urllib.parse import urlsplit

from pydantic import BaseModel, Field

from backend.core import clock
from backend.sources.errors import PermanentError
from backend.sources.models import Account, FileMetadata, Located, Scan
from backend.sources.references import FILTERS, CivitaiFile, filters_in
from backend.sources.responses import parse
from backend.sources.transport import Transport

HASHES_PER_REQUEST = 100


class Hashes(BaseModel):
    sha256: str | None = Field(default=None, alias="SHA256", pattern=r"^[0-9a-fA-F]{64}$")


class Details(BaseModel):
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
    details: Details | None = Field(default=None, alias="metadata")
    hashes: Hashes | None = None
    download_url: str | None = Field(default=None, alias="downloadUrl")
    pickle_scan: str | None = Field(default=None, alias="pickleScanResult")
    virus_scan: str | None = Field(default=None, alias="virusScanResult")

    @property
    def properties(self) -> tuple[tuple[str, str], ...]:
        """Return what `?type=…&format=…` in a download URL selects by."""
        details = self.details or Details()
        values = (str(self.id), self.type, details.format, details.size, details.fp)
        return tuple((name, value) for name, value in zip(FILTERS, values, strict=True) if value)

    @property
    def published(self) -> FileMetadata:
        sha256 = self.hashes and self.hashes.sha256
        return FileMetadata(
            bytes=None if self.size_kb is None else round(self.size_kb * 1024),
            sha256=sha256.lower() if sha256 else None,
            scan=_scan(self.pickle_scan, self.virus_scan),
            fetched_at=clock.now(),
        )


class Name(BaseModel):
    name: str
    type: str


class Version(BaseModel):
    """A version of a model. `model` is missing in the response about the model itself."""

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

    def selected(self, reference: CivitaiFile) -> File | None:
        """Return the file that a download URL selects."""
        return next((file for file in self.primary_first if reference.selects(file.properties)), None)

    def reference_to(self, file: File, site: str) -> CivitaiFile:
        """Return how to download a file of this version. The primary one needs no filters."""
        filters = filters_in(urlsplit(file.download_url or "").query)
        if not filters and not file.primary:
            filters = file.properties[:1]
        return CivitaiFile(site=site, version=self.id, filters=filters)


class Model(BaseModel):
    name: str
    type: str
    versions: list[Version] = Field(default=[], alias="modelVersions")


class Me(BaseModel):
    username: str


class Civitai:
    """The client of Civitai, or of a mirror that speaks its protocol."""

    def __init__(self, transport: Transport, endpoint: str):
        self._transport = transport
        self.endpoint = endpoint

    async def locate(self, reference: CivitaiFile) -> Located:
        """Return the hash of a file. Its size comes with the bytes: the published one is rounded at times."""
        version = await self.version(reference.site, reference.version)
        check_usage(version)
        file = version.selected(reference)
        sha256 = file.published.sha256 if file else None
        return Located(
            url=reference.url,
            headers=self._transport.headers_for(reference.url),
            sha256=sha256,
            identity=sha256,
        )

    async def version(self, site: str, version: int) -> Version:
        return parse(Version, await self._transport.json(f"{site}/api/v1/model-versions/{version}"))

    async def newest(self, site: str, model: int) -> Version:
        """Return the newest version of a model."""
        found = parse(Model, await self._transport.json(f"{site}/api/v1/models/{model}"))
        if not found.versions:
            raise PermanentError("not_at_source", f"{found.name} has no version that can be downloaded.")
        parent = {"model": Name(name=found.name, type=found.type), "model_id": model}
        return found.versions[0].model_copy(update=parent)

    async def with_hashes(self, hashes: Sequence[str]) -> list[Version]:
        """Return the versions that have a file with one of these SHA-256 hashes."""
        found = []
        for start in range(0, len(hashes), HASHES_PER_REQUEST):
            url = f"{self.endpoint}/api/v1/model-versions/by-hash"
            batch = list(hashes[start : start + HASHES_PER_REQUEST])
            found += parse(list[Version], await self._transport.json(url, method="POST", body=batch))
        return found

    async def account_of(self, token: str) -> Account:
        response = await self._transport.json(f"{self.endpoint}/api/v1/me", token=token)
        return Account(name=parse(Me, response).username)


def check_usage(version: Version) -> None:
    """Raise PermanentError when the creator does not allow downloads."""
    if version.usage != "Download":
        raise PermanentError(
            "not_for_download",
            f"The creator of {version.name or 'this version'} allows its use on Civitai only, not its download.",
        )


def _scan(*results: str | None) -> Scan | None:
    reported = {result for result in results if result}
    if not reported:
        return None
    if "Danger" in reported:
        return Scan.UNSAFE
    return Scan.SAFE if reported == {"Success"} else Scan.PENDING
