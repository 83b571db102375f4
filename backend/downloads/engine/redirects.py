"""The way to the bytes of one file."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx

from backend.sources.addresses import origin
from backend.sources.errors import TemporaryError
from backend.sources.models import Located
from backend.sources.service import Sources


class Link:
    """Where the bytes come from: the hub's address first, then the one it redirects to, for as long as that is good."""

    def __init__(self, sources: Sources, located: Located):
        self._sources = sources
        self._located = located
        # Signed: lives here and nowhere else.
        self._direct: str | None = None

    @property
    def promised(self) -> int | None:
        """Size of the file, as the hub told it."""
        return self._located.bytes

    @asynccontextmanager
    async def open(self, headers: dict[str, str]) -> AsyncIterator[httpx.Response]:
        if self._direct:
            async with self._sources.open(self._direct, headers) as response:
                if not self._is_expired(response):
                    yield response
                    return
            self._direct = None
        async with self._sources.open(self._located.url, {**self._located.headers, **headers}) as response:
            if self._is_expired(response):
                raise TemporaryError("link_expired", "The hub's link to the file has expired.")
            if self._is_elsewhere(response):
                self._direct = str(response.url)
            yield response

    def _is_elsewhere(self, response: httpx.Response) -> bool:
        return origin(str(response.url)) != origin(self._located.url)

    def _is_expired(self, response: httpx.Response) -> bool:
        """A signed address is good for about an hour. After that the hub gives another one."""
        return response.status_code in (401, 403) and self._is_elsewhere(response)
