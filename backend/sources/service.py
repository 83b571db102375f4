"""The one place that knows which hub an address belongs to, and asks it."""

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
from backend.sources.models import Account, FileMetadata, Located, Look, Offer
from backend.sources.references import (
    CivitaiFile,
    CivitaiModel,
    CivitaiVersion,
    Endpoints,
    HubFile,
    HubFolder,
    Place,
    PlainFile,
    place_of,
    spelled_out,
)
from backend.sources.tokens import Hub, Tokens
from backend.sources.transport import Transport
from backend.sources.web_servers import WebServers


class Sources:
    """Speaks every hub's protocol. Every request passes the guard, every token goes to its own origin only."""

    def __init__(self, transport: Transport, hugging_face: HuggingFace, civitai: Civitai, tokens: Tokens):
        self._transport = transport
        self._hugging_face = hugging_face
        self._civitai = civitai
        self._web_servers = WebServers(transport)
        self._tokens = tokens
        self._endpoints = Endpoints(hugging_face=hugging_face.endpoint, civitai=civitai.endpoint)

    def canonical(self, text: str) -> str:
        """A pasted address as it is stored: free of secrets, at the configured endpoint, `/blob/` put right.

        What is secret in it is remembered until the next start; a hub's token is used for that hub.
        InvalidRequest when it is no address.
        """
        url, place = self._read(text)
        return self._address(place) or url

    def _read(self, text: str) -> tuple[str, Place]:
        link = read_link(spelled_out(text, self._endpoints))
        hub = self._tokens.hub_of(link.whole)
        if hub and link.token:
            self._tokens.lend(hub, link.token)
        place = place_of(link.url, self._endpoints)
        if isinstance(place, PlainFile):
            self._web_servers.remember(link)
        return link.url, place

    def _address(self, place: Place) -> str | None:
        """Of a place that is one file."""
        match place:
            case HubFile():
                return place.address(self._hugging_face.endpoint)
            case CivitaiFile():
                return place.address
            case PlainFile():
                return place.url
        return None

    async def look(self, text: str) -> Look:
        """What is behind an address, with the size and hash of every file. Raises a `TransferError`."""
        _, place = self._read(text)
        return await self._look(place)

    async def one_file(self, text: str, *, name_known: bool = False) -> Offer:
        """The file that an address stands for. Asks nobody when the address says enough.

        InvalidRequest when it stands for several, else a `TransferError`.
        """
        url, place = self._read(text)
        address = self._address(place)
        name = place.path if isinstance(place, HubFile) else name_in(url)
        if address and (name or name_known):
            return Offer(url=address, path=name, facts=FileMetadata(asked_at=clock.now()))
        look = await self._look(place)
        if len(look.offers) > 1 and not look.first_is_meant:
            raise InvalidRequest(
                f"This address stands for {len(look.offers)} files. Look at it first, then choose.",
                code="several_files",
            )
        return look.offers[0]

    async def with_hashes(self, hashes: Sequence[str]) -> dict[str, Offer]:
        """Where Civitai has files with these SHA-256s, by hash."""
        wanted = {value.lower() for value in hashes}
        found = {}
        for version in await self._civitai.with_hashes(sorted(wanted)):
            for offer in list_version(version, self._civitai.endpoint).offers:
                if offer.facts.sha256 in wanted:
                    found[offer.facts.sha256] = offer
        return found

    async def account_of(self, hub: Hub, token: str) -> Account:
        """Whose token it is, as its hub says. Raises a `TransferError`, a `PermanentError` when nobody's."""
        asked = self._hugging_face if hub == Hub.HUGGING_FACE else self._civitai
        return await asked.account_of(token)

    async def locate(self, url: str) -> Located:
        """Where the bytes of a stored address are, and what its hub promises of them."""
        place = place_of(url, self._endpoints)
        match place:
            case HubFile():
                return await self._hugging_face.locate(place.address(self._hugging_face.endpoint))
            case CivitaiFile():
                return await self._civitai.locate(place)
        return self._web_servers.locate(url)

    async def text(self, text: str, most: int) -> bytes:
        """What is behind an address, up to one byte more than `most`. Raises a `TransferError`."""
        located = await self.locate(self.canonical(text))
        return await self._transport.beginning(located.url, located.headers, most + 1)

    def open(self, url: str, headers: dict[str, str]) -> AbstractAsyncContextManager[httpx.Response]:
        """GET `url` and follow redirects: each target is checked, credentials stay behind."""
        return self._transport.open(url, headers)

    async def _look(self, place: Place) -> Look:
        match place:
            case HubFile() | HubFolder():
                look = await self._look_at_repository(place)
            case CivitaiModel():
                look = _look_at(await self._civitai.newest(place.site, place.model), place.site)
            case CivitaiVersion():
                look = _look_at(await self._civitai.version(place.site, place.version), place.site)
            case CivitaiFile():
                look = _look_at(await self._civitai.version(place.site, place.version), place.site, place)
            case PlainFile():
                look = await self._web_servers.look(place.url)
        if not look.offers:
            raise PermanentError("not_at_source", f"There is no file at {look.title}. Check the address.")
        return look

    async def _look_at_repository(self, place: HubFile | HubFolder) -> Look:
        repository = await self._hugging_face.repository(place.repo, place.revision)
        look = list_repository(repository, place, self._hugging_face.endpoint)
        return replace(look, access=await self._hugging_face.access(repository))


def _look_at(version: Version, site: str, place: CivitaiFile | None = None) -> Look:
    check_usage(version)
    return list_version(version, site, place)
