"""Hugging Face's rate limits: a quota for each kind of request, announced in every response."""

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from math import ceil
from typing import Literal

from aiohttp import web

Kind = Literal["api", "resolvers"]
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
WINDOW_SECONDS = 300


@dataclass
class Quota:
    """One fixed window, shared by all clients, as by pods behind one address."""

    allowed: int
    window: float = WINDOW_SECONDS
    used: int = 0
    began: float = field(default_factory=time.monotonic)

    def take(self) -> bool:
        if time.monotonic() - self.began >= self.window:
            self.used, self.began = 0, time.monotonic()
        self.used += 1
        return self.used <= self.allowed

    def headers(self, kind: Kind) -> dict[str, str]:
        left = max(0, self.allowed - self.used)
        reset = max(0, ceil(self.began + self.window - time.monotonic()))
        return {
            "RateLimit": f'"{kind}";r={left};t={reset}',
            "RateLimit-Policy": f'"fixed window";"{kind}";q={self.allowed};w={ceil(self.window)}',
        }


class Quotas:
    """The quota of each kind. Civitai and plain files have none."""

    def __init__(self) -> None:
        self.kinds: dict[Kind, Quota] = {"api": Quota(1_000_000), "resolvers": Quota(1_000_000)}

    def limit(self, kind: Kind, allowed: int, window: float = WINDOW_SECONDS) -> None:
        self.kinds[kind] = Quota(allowed, window)

    async def answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Return `handler`'s response, or 429 when the quota is used up."""
        kind = _kind_of(request)
        if kind is None:
            return await handler(request)
        quota = self.kinds[kind]
        if quota.take():
            request[HEADERS] = quota.headers(kind)
            return await handler(request)
        return web.Response(status=429, text="Too many requests", headers=quota.headers(kind))

    async def announce(self, request: web.Request, response: web.StreamResponse) -> None:
        """Add the quota headers before a response is sent, errors included."""
        for name, value in request.get(HEADERS, {}).items():
            response.headers.setdefault(name, value)


HEADERS = web.RequestKey("quota", dict[str, str])


def _kind_of(request: web.Request) -> Kind | None:
    if request.path.startswith(("/api/models/", "/api/whoami")):
        return "api"
    return "resolvers" if "/resolve/" in request.path else None
