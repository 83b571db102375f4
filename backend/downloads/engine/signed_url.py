"""The signed URL of one file: the hub redirects to it, and later requests go there directly. `sources` checks every redirect."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx

from backend.sources.addresses import origin
from backend.sources.errors import TemporaryError
from backend.sources.models import Located
from backend.sources.service import Sources


class SignedUrlSource:
    """Requests a file from its hub, then from the signed URL that the hub redirects to, for as long as that URL is valid."""

    def __init__(self, sources: Sources, located: Located):
        self._sources = sources
        self._located = located
        # Must not be stored or logged.
        self._signed_url: str | None = None

    @property
    def published_size(self) -> int | None:
        return self._located.bytes

    @asynccontextmanager
    async def get(self, headers: dict[str, str]) -> AsyncIterator[httpx.Response]:
        """Send a GET and follow redirects. The body is unread; error statuses are responses, too."""
        if self._signed_url:
            async with self._sources.open(self._signed_url, headers) as response:
                if not self._is_expired(response):
                    yield response
                    return
            self._signed_url = None
        async with self._sources.open(self._located.url, {**self._located.headers, **headers}) as response:
            if self._is_expired(response):
                raise TemporaryError("link_expired", "The hub's link to the file has expired.")
            if self._is_redirected(response):
                self._signed_url = str(response.url)
            yield response

    def _is_redirected(self, response: httpx.Response) -> bool:
        return origin(str(response.url)) != origin(self._located.url)

    def _is_expired(self, response: httpx.Response) -> bool:
        """A signed URL is valid for about an hour. After that the hub issues another one."""
        return response.status_code in (401, 403) and self._is_redirected(response)
