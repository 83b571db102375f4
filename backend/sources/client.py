"""The HTTP client for hubs and file servers.

Its transport is loaded at the first request: aiohttp takes 0.1 s and 7 MB, which a control plane that downloads nothing
saves.
"""

import asyncio
from typing import TYPE_CHECKING

import httpx

from backend.sources.address_guard import AddressGuard

if TYPE_CHECKING:
    from aiohttp.abc import AbstractResolver

CONNECT_SECONDS = 20


class _LazyTransport(httpx.AsyncBaseTransport):
    """Loads the transport at the first request, in a thread, so that other requests go on."""

    def __init__(self, guard: AddressGuard, resolver: "AbstractResolver | None"):
        self._guard = guard
        self._resolver = resolver
        self._loading = asyncio.Lock()
        self._transport: httpx.AsyncBaseTransport | None = None

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        transport = self._transport or await self._load()
        return await transport.handle_async_request(request)

    async def _load(self) -> httpx.AsyncBaseTransport:
        async with self._loading:
            if self._transport is None:
                self._transport = await asyncio.to_thread(self._import)
            return self._transport

    def _import(self) -> httpx.AsyncBaseTransport:
        from backend.sources.aiohttp_transport import guarded_transport  # noqa: PLC0415

        return guarded_transport(self._guard, self._resolver)

    async def aclose(self) -> None:
        if self._transport is not None:
            await self._transport.aclose()


def guarded_client(guard: AddressGuard, resolver: "AbstractResolver | None" = None) -> httpx.AsyncClient:
    """Return a client that follows no redirects by itself. `resolver` replaces the system's name resolution."""
    return httpx.AsyncClient(
        transport=_LazyTransport(guard, resolver),
        follow_redirects=False,
        timeout=httpx.Timeout(None, connect=CONNECT_SECONDS),
        headers={"Accept-Encoding": "identity", "User-Agent": "ComfyPod"},
        trust_env=False,
    )
