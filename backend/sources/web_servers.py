"""Plain web servers: there is no API to ask, only the file itself. Pasted links may be signed."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import unquote

import httpx

from backend.core import clock
from backend.core.names import tame_name
from backend.sources import formats
from backend.sources.addresses import Link, is_signed, name_in
from backend.sources.errors import PermanentError
from backend.sources.models import FileMetadata, Located, Look, Offer
from backend.sources.transport import Transport, first_bytes

BEGINNING = 64  # bytes that tell a web page from a model
CONTENT_RANGE = re.compile(r"^bytes 0-\d+/(\d+)$")


class WebServers:
    """Any host that is not a hub.

    What pasted links hold that must not be stored (signatures, users, passwords) is remembered here until the
    next start: never on disk, in a log, an event or an answer.
    """

    def __init__(self, transport: Transport):
        self._transport = transport
        # By the link as it is stored.
        self._pasted: dict[str, Link] = {}

    def remember(self, link: Link) -> None:
        if is_signed(link.url) and link.holds_secret:
            self._pasted[link.url] = link

    def locate(self, url: str) -> Located:
        """Where to send the GET. PermanentError when the link was signed and its signature is forgotten."""
        if not is_signed(url):
            return Located(url=url, headers=self._transport.headers_for(url))
        link = self._pasted.get(url)
        if link is None:
            raise PermanentError(
                "paste_again",
                "This link was signed. Its signature was kept in memory only, and the control plane has been "
                "restarted since: paste the link again to go on. What has arrived is kept.",
            )
        headers = {"Authorization": link.authorization} if link.authorization else {}
        return Located(url=link.whole, headers=headers)

    async def look(self, url: str) -> Look:
        """Name and size, asked with a request for the first bytes. PermanentError when it is a web page."""
        async with self._beginning(url) as (response, beginning):
            name = name_told(response.headers.get("content-disposition", ""))
            name = tame_name(name or name_in(str(response.url)) or name_in(url) or "")
            formats.check_content_type(name or "", response.headers.get("content-type", ""))
            formats.check_beginning(name or "", beginning)
            facts = FileMetadata(bytes=_size(response), asked_at=clock.now())
            host = response.request.url.host
        return Look(title=name or host, offers=(Offer(url=url, path=name, facts=facts),))

    @asynccontextmanager
    async def _beginning(self, url: str) -> AsyncIterator[tuple[httpx.Response, bytes]]:
        located = self.locate(url)
        headers = {**located.headers, "Range": f"bytes=0-{BEGINNING - 1}"}
        async with self._transport.answer(located.url, headers) as response:
            yield response, await first_bytes(response, BEGINNING)


def _size(response: httpx.Response) -> int | None:
    if response.status_code == 206:
        told = CONTENT_RANGE.match(response.headers.get("content-range", ""))
        return int(told[1]) if told else None
    length = response.headers.get("content-length", "")
    return int(length) if length.isdigit() else None


def name_told(disposition: str) -> str | None:
    """The file name in a Content-Disposition header (RFC 6266)."""
    extended = re.search(r"filename\*\s*=\s*utf-8'[^']*'([^;\s]+)", disposition, re.IGNORECASE)
    if extended:
        return unquote(extended[1])
    plain = re.search(r'filename\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^;\s]+))', disposition, re.IGNORECASE)
    return (plain[1] or plain[2]) if plain else None
