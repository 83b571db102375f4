"""Plain web servers: they have no API, only the file itself. Pasted links may be signed."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import unquote

import httpx

from backend.core import clock
from backend.core.names import safe_name
from backend.sources import formats
from backend.sources.addresses import Link, is_signed, name_in
from backend.sources.errors import PermanentError
from backend.sources.headers import content_length
from backend.sources.models import FileMetadata, Listing, Located, RemoteFile
from backend.sources.responses import first_bytes
from backend.sources.transport import Transport

BEGINNING_BYTES = 64  # enough to distinguish a web page from a model
CONTENT_RANGE = re.compile(r"bytes 0-\d+/(\d{1,18})", re.ASCII)


class WebServers:
    """Any host that is not a hub.

    The secrets of pasted links (signatures, users, passwords) are kept in memory until the next start. They must not
    appear on disk, in a log, an event or a response.
    """

    def __init__(self, transport: Transport):
        self._transport = transport
        # By the URL as it is stored.
        self._links: dict[str, Link] = {}

    def remember_secrets(self, link: Link) -> None:
        if is_signed(link.url) and link.holds_secret:
            self._links[link.url] = link

    def locate(self, url: str) -> Located:
        """Return where to send the GET. Raise PermanentError when the signature of a signed link is no longer known."""
        if not is_signed(url):
            return Located(url=url, headers=self._transport.headers_for(url))
        link = self._links.get(url)
        if link is None:
            raise PermanentError(
                "paste_again",
                "This link was signed. Its signature was kept in memory only, and the control plane has been "
                "restarted since. Paste the link again to resume: the received bytes are kept.",
            )
        headers = {"Authorization": link.authorization} if link.authorization else {}
        return Located(url=link.whole, headers=headers)

    async def listing(self, url: str) -> Listing:
        """Return name and size, from a request for the first bytes. Raise PermanentError when it is a web page."""
        async with self._beginning(url) as (response, beginning):
            name = name_from(response.headers.get("content-disposition", ""))
            name = safe_name(name or name_in(str(response.url)) or name_in(url) or "")
            formats.check_content_type(name or "", response.headers.get("content-type", ""))
            formats.check_beginning(name or "", beginning)
            metadata = FileMetadata(bytes=_size(response), fetched_at=clock.now())
            host = response.request.url.host
        return Listing(title=name or host, files=(RemoteFile(url=url, path=name, metadata=metadata),))

    @asynccontextmanager
    async def _beginning(self, url: str) -> AsyncIterator[tuple[httpx.Response, bytes]]:
        located = self.locate(url)
        headers = {**located.headers, "Range": f"bytes=0-{BEGINNING_BYTES - 1}"}
        async with self._transport.response(located.url, headers) as response:
            yield response, await first_bytes(response, BEGINNING_BYTES)


def _size(response: httpx.Response) -> int | None:
    if response.status_code == 206:
        match = CONTENT_RANGE.fullmatch(response.headers.get("content-range", ""))
        return int(match[1]) if match else None
    return content_length(response.headers)


def name_from(disposition: str) -> str | None:
    """Return the file name in a Content-Disposition header (RFC 6266)."""
    extended = re.search(r"filename\*\s*=\s*utf-8'[^']*'([^;\s]+)", disposition, re.IGNORECASE)
    if extended:
        return unquote(extended[1])
    plain = re.search(r'filename\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^;\s]+))', disposition, re.IGNORECASE)
    return (plain[1] or plain[2]) if plain else None
