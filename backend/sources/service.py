"""The one place that knows which hub a URL belongs to, and asks it."""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import replace

import httpx

from backend.core import clock
from backend.core.errors import InvalidRequest
from backend.sources.addresses import name_in, read_link
from backend.sources.civitai import Civitai, Version, check_usage
from backend.sources.errors import PermanentError
from backend.sources.hugging_face import HuggingFace
from backend.sources.listing import list_repository, list_version
from backend.sources.models import Account, FileMetadata, Listing, Located, RemoteFile
from backend.sources.references import (
    CivitaiFile,
    CivitaiModel,
    CivitaiVersion,
    Endpoints,
    HubFile,
    HubFolder,
    PlainFile,
    Reference,
    as_url,
    reference_of,
)
from backend.sources.tokens import Hub, Tokens
from backend.sources.transport import Transport
from backend.sources.web_servers import WebServers


class Sources:
    """Lists and locates files at every hub. Every request passes the guard, every token goes to its origin only."""

    def __init__(self, transport: Transport, hugging_face: HuggingFace, civitai: Civitai, tokens: Tokens):
        self._transport = transport
        self._hugging_face = hugging_face
        self._civitai = civitai
        self._web_servers = WebServers(transport)
        self._tokens = tokens
        self._endpoints = Endpoints(hugging_face=hugging_face.endpoint, civitai=civitai.endpoint)

    def canonical_url(self, text: str) -> str:
        """Return a pasted URL as it is stored: without secrets, at the configured endpoint, `/resolve/` for `/blob/`.

        Its secrets are kept in memory until the next start; the token of a hub is used for that hub.
        Raise InvalidRequest when it is no URL.
        """
        url, reference = self._read(text)
        return self._file_url(reference) or url

    def _read(self, text: str) -> tuple[str, Reference]:
        link = read_link(as_url(text, self._endpoints))
        hub = self._tokens.hub_of(link.whole)
        if hub and link.token:
            self._tokens.use_from_link(hub, link.token)
        reference = reference_of(link.url, self._endpoints)
        if isinstance(reference, PlainFile):
            self._web_servers.remember_secrets(link)
        return link.url, reference

    def _file_url(self, reference: Reference) -> str | None:
        """Return the URL of a reference to one file."""
        match reference:
            case HubFile():
                return reference.url(self._hugging_face.endpoint)
            case CivitaiFile():
                return reference.url
            case PlainFile():
                return reference.url
        return None

    async def listing(self, text: str) -> Listing:
        """Return the files that a URL refers to, with size and hash. Raise TransferError."""
        _, reference = self._read(text)
        return await self._listing(reference)

    async def single_file(self, text: str, *, name_known: bool = False) -> RemoteFile:
        """Return the file that a URL refers to. Sends no request when the URL says enough.

        Raise InvalidRequest when it refers to several files, TransferError when it cannot be read.
        """
        url, reference = self._read(text)
        file_url = self._file_url(reference)
        name = reference.path if isinstance(reference, HubFile) else name_in(url)
        if file_url and (name or name_known):
            return RemoteFile(url=file_url, path=name, metadata=FileMetadata(fetched_at=clock.now()))
        listing = await self._listing(reference)
        if len(listing.files) > 1 and not listing.first_is_main:
            raise InvalidRequest(
                f"This URL refers to {len(listing.files)} files. List them first, then choose.",
                code="several_files",
            )
        return listing.files[0]

    async def files_with_hashes(self, hashes: Sequence[str]) -> dict[str, RemoteFile]:
        """Return Civitai's files with these SHA-256 hashes, by hash."""
        requested = {value.lower() for value in hashes}
        found = {}
        for version in await self._civitai.with_hashes(sorted(requested)):
            for file in list_version(version, self._civitai.endpoint).files:
                if file.metadata.sha256 in requested:
                    found[file.metadata.sha256] = file
        return found

    async def account_of(self, hub: Hub, token: str) -> Account:
        """Return the owner of a token. Raise TransferError, a PermanentError when the hub does not know it."""
        client = self._hugging_face if hub == Hub.HUGGING_FACE else self._civitai
        return await client.account_of(token)

    async def locate(self, url: str) -> Located:
        """Return where the bytes of a stored URL are, and what its hub publishes about them."""
        reference = reference_of(url, self._endpoints)
        match reference:
            case HubFile():
                return await self._hugging_face.locate(reference.url(self._hugging_face.endpoint))
            case CivitaiFile():
                return await self._civitai.locate(reference)
        return self._web_servers.locate(url)

    async def read(self, text: str, limit: int) -> bytes:
        """Return a small file, or its first `limit` + 1 bytes when it is larger. Raise TransferError."""
        located = await self.locate(self.canonical_url(text))
        return await self._transport.beginning(located.url, located.headers, limit + 1)

    def open(self, url: str, headers: dict[str, str]) -> AbstractAsyncContextManager[httpx.Response]:
        """GET `url` and follow redirects. Each target is checked; credentials stay with their origin."""
        return self._transport.open(url, headers)

    async def _listing(self, reference: Reference) -> Listing:
        match reference:
            case HubFile() | HubFolder():
                listing = await self._list_repository(reference)
            case CivitaiModel():
                listing = _list_version(
                    await self._civitai.newest(reference.site, reference.model), reference.site
                )
            case CivitaiVersion():
                listing = _list_version(
                    await self._civitai.version(reference.site, reference.version), reference.site
                )
            case CivitaiFile():
                version = await self._civitai.version(reference.site, reference.version)
                listing = _list_version(version, reference.site, reference)
            case PlainFile():
                listing = await self._web_servers.listing(reference.url)
        if not listing.files:
            raise PermanentError("not_at_source", f"There is no file at {listing.title}. Check the URL.")
        return listing

    async def _list_repository(self, reference: HubFile | HubFolder) -> Listing:
        repository = await self._hugging_face.repository(reference.repo, reference.revision)
        listing = list_repository(repository, reference, self._hugging_face.endpoint)
        return replace(listing, access=await self._hugging_face.access(repository))


def _list_version(version: Version, site: str, reference: CivitaiFile | None = None) -> Listing:
    check_usage(version)
    return list_version(version, site, reference)
