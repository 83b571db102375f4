"""Requests for the bytes of one file, to the hub first and then to the server that it redirects to."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx

from backend.sources.addresses import origin
from backend.sources.errors import TemporaryError
from backend.sources.models import Located
from backend.sources.service import Sources


class RedirectedFile:
    """Remembers where the hub redirects to and requests there directly for as long as that URL is valid."""

    def __init__(self, sources: Sources, located: Located):
        self._sources = sources
        self._located = located
        # Signed: must not be stored or logged.
        self._redirected_url: str | None = None

    @property
    def published_size(self) -> int | None:
        return self._located.bytes

    @asynccontextmanager
    async def get(self, headers: dict[str, str]) -> AsyncIterator[httpx.Response]:
        """Send a GET and follow redirects. The body is unread; error statuses are responses, too."""
        if self._redirected_url:
            async with self._sources.open(self._redirected_url, headers) as response:
                if not self._is_expired(response):
                    yield response
                    return
            self._redirected_url = None
        async with self._sources.open(self._located.url, {**self._located.headers, **headers}) as response:
            if self._is_expired(response):
                raise TemporaryError("link_expired", "The hub's link to the file has expired.")
            if self._is_redirected(response):
                self._redirected_url = str(response.url)
            yield response

    def _is_redirected(self, response: httpx.Response) -> bool:
        return origin(str(response.url)) != origin(self._located.url)

    def _is_expired(self, response: httpx.Response) -> bool:
        """A signed URL is valid for about an hour. After that the hub issues another one."""
        return response.status_code in (401, 403) and self._is_redirected(response)
