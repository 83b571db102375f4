"""Sizes and hashes before a download: requested from the hubs once per repository or version, cached on disk."""

import asyncio
import time
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import TypeAlias
from urllib.parse import parse_qsl, urlencode

import structlog
from pydantic import TypeAdapter, ValidationError

from backend.core import clock
from backend.core.async_tools import SingleFlight
from backend.core.files import write_atomically
from backend.sources.civitai import Civitai
from backend.sources.errors import TemporaryError, TransferError
from backend.sources.hugging_face import GIT_SHA1, HuggingFace
from backend.sources.models import FileMetadata
from backend.sources.references import CivitaiFile, Endpoints, HubFile, reference_of
from backend.sources.tokens import Hub

log = structlog.get_logger(__name__)

FRESH_FOR = timedelta(days=1)  # a branch moves; a commit never does
RETRY_SECONDS = 300  # after a hub did not answer
PARALLEL_REQUESTS = 4


@dataclass(frozen=True)
class CacheKey:
    """What one request to a hub describes."""

    # A repository of Hugging Face, or the site of a Civitai version.
    repo: str
    # A branch or commit, or the number of the version.
    revision: str
    hub: Hub = Hub.HUGGING_FACE


@dataclass(frozen=True, kw_only=True)
class CacheEntry:
    """A hub's response, as stored on disk."""

    key: CacheKey
    fetched_at: datetime
    # By path; those of Civitai by their properties, the primary one first.
    files: dict[str, FileMetadata]

    def file(self, reference: HubFile | CivitaiFile) -> FileMetadata | None:
        if isinstance(reference, HubFile):
            return self.files.get(reference.path)
        return next(
            (metadata for name, metadata in self.files.items() if reference.selects(parse_qsl(name))), None
        )

    @property
    def is_fresh(self) -> bool:
        return bool(GIT_SHA1.match(self.key.revision)) or clock.now() - self.fetched_at < FRESH_FOR


ON_DISK = TypeAdapter(CacheEntry)
# The URLs that each key describes, with what they refer to.
Requested: TypeAlias = dict[CacheKey, dict[str, HubFile | CivitaiFile]]


class HubMetadata:
    """What hubs publish about the files at URLs. Plain web servers publish nothing.

    While a hub does not answer, the result contains what is cached and omits the other URLs; no error is raised.
    """

    def __init__(self, hugging_face: HuggingFace, civitai: Civitai, folder: Path):
        self._hugging_face = hugging_face
        self._civitai = civitai
        self._endpoints = Endpoints(hugging_face=hugging_face.endpoint, civitai=civitai.endpoint)
        self._folder = folder
        self._memory: dict[CacheKey, CacheEntry | None] = {}
        self._requests: SingleFlight[CacheKey, None] = SingleFlight()
        self._not_before: dict[CacheKey, float] = {}
        self._parallel = asyncio.Semaphore(PARALLEL_REQUESTS)

    async def of(self, urls: Iterable[str], *, refresh: bool = False) -> dict[str, FileMetadata]:
        """Return metadata by URL. Sends one request per repository for what is not cached or a day old.

        `refresh` requests everything again.
        """
        requested = self._grouped(urls)
        await self._load(requested)
        await asyncio.gather(*(self._update(key) for key in requested if refresh or self._is_due(key)))
        return self._results(requested)

    async def cached(self, urls: Iterable[str]) -> dict[str, FileMetadata]:
        """Return cached metadata by URL. Sends no request, so that a page can be shown at once."""
        requested = self._grouped(urls)
        await self._load(requested)
        return self._results(requested)

    async def close(self) -> None:
        await self._requests.close()

    def _grouped(self, urls: Iterable[str]) -> Requested:
        grouped: Requested = defaultdict(dict)
        for url in urls:
            match reference_of(url, self._endpoints):
                case HubFile() as file:
                    grouped[CacheKey(file.repo, file.revision)][url] = file
                case CivitaiFile() as file:
                    grouped[CacheKey(file.site, str(file.version), Hub.CIVITAI)][url] = file
        return grouped

    def _results(self, requested: Requested) -> dict[str, FileMetadata]:
        return {
            url: metadata
            for key, urls in requested.items()
            if (entry := self._memory.get(key))
            for url, reference in urls.items()
            if (metadata := entry.file(reference))
        }

    def _is_due(self, key: CacheKey) -> bool:
        entry = self._memory.get(key)
        return not (entry and entry.is_fresh) and time.monotonic() >= self._not_before.get(key, 0)

    async def _update(self, key: CacheKey) -> None:
        await self._requests.run(key, lambda: self._request(key))

    async def _request(self, key: CacheKey) -> None:
        async with self._parallel:
            try:
                files = await self._files(key)
            except TransferError as error:
                self._delay_next(key, error)
                return
        entry = CacheEntry(key=key, fetched_at=clock.now(), files=files)
        self._memory[key] = entry
        await asyncio.to_thread(self._write, entry)

    async def _files(self, key: CacheKey) -> dict[str, FileMetadata]:
        if key.hub == Hub.HUGGING_FACE:
            return (await self._hugging_face.repository(key.repo, key.revision)).files
        version = await self._civitai.version(key.repo, int(key.revision))
        return {urlencode(file.properties): file.published for file in version.primary_first}

    def _delay_next(self, key: CacheKey, error: TransferError) -> None:
        wait = error.wait if isinstance(error, TemporaryError) else None
        self._not_before[key] = time.monotonic() + max(wait or 0.0, RETRY_SECONDS)
        log.info("a hub returned no metadata of a repository", repo=key.repo, code=error.code)

    async def _load(self, keys: Iterable[CacheKey]) -> None:
        unread = [key for key in keys if key not in self._memory]
        if unread:
            self._memory |= await asyncio.to_thread(lambda: {key: self._read(key) for key in unread})

    def _read(self, key: CacheKey) -> CacheEntry | None:
        try:
            entry = ON_DISK.validate_json(self._path_of(key).read_bytes())
        except (OSError, ValidationError):
            return None
        return entry if entry.key == key else None

    def _write(self, entry: CacheEntry) -> None:
        """Store an entry on disk. On a full disk it stays in memory only."""
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            write_atomically(self._path_of(entry.key), ON_DISK.dump_json(entry))
        except OSError:
            log.warning("metadata of a repository could not be cached on disk", repo=entry.key.repo)

    def _path_of(self, key: CacheKey) -> Path:
        digest = sha256(f"{key.repo} {key.revision}".encode()).hexdigest()
        return self._folder / f"{digest[:32]}.json"
