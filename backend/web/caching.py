"""A cache of responses: each is built once per revision of its data, kept in memory, and confirmed with 304."""

import hashlib
import secrets
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass, field
from typing import Annotated, Any

from fastapi import Depends
from starlette.requests import Request
from starlette.responses import Response

from backend.core.async_tools import SingleFlight
from backend.web import htmx
from backend.web.features import provided

# Entries are pages of lists, some 50 kB each.
MAX_ENTRIES = 64

# For the `responses` of routes that use `ResponseCache.json`.
NOT_MODIFIED: dict[int | str, dict[str, Any]] = {304: {"description": "Nothing has changed since."}}


@dataclass(frozen=True)
class Body:
    """The body that a builder returns, and its additional headers."""

    content: bytes
    headers: dict[str, str] = field(default_factory=dict)


Builder = Callable[[], Awaitable[Body]]


class ResponseCache:
    """Caches the most recently used bodies of GET requests. Concurrent requests for the same body build it once.

    `revision` is a hashable value, usually a tuple of counters, that changes whenever the body changes. All principals
    share a body, so it must not depend on the principal.
    """

    def __init__(self, max_entries: int = MAX_ENTRIES):
        self._max_entries = max_entries
        self._bodies: OrderedDict[Hashable, Body] = OrderedDict()
        self._flights: SingleFlight[Hashable, Body] = SingleFlight()
        # Counters restart with the process; tags of an earlier process must not match.
        self._process = secrets.token_hex(4)

    async def json(self, request: Request, revision: Hashable, build: Builder) -> Response:
        """Respond with JSON that the client may cache but must revalidate."""
        key = _key(request, revision)
        digest = hashlib.sha256(repr((self._process, key)).encode()).hexdigest()[:20]
        headers = {"ETag": f'W/"{digest}"', "Cache-Control": "private, no-cache"}
        if confirms(request, digest):
            return Response(status_code=304, headers=headers)
        body = await self._body(key, build)
        return Response(body.content, media_type="application/json", headers=headers | body.headers)

    async def page(self, request: Request, revision: Hashable, build: Builder) -> Response:
        """Respond with HTML that browsers do not cache."""
        body = await self._body(_key(request, revision), build)
        headers = {"Cache-Control": "no-store"} | body.headers
        return Response(body.content, media_type="text/html", headers=headers)

    def clear(self) -> None:
        """Forget every body: something that all pages show has changed."""
        self._bodies.clear()

    async def _body(self, key: Hashable, build: Builder) -> Body:
        if key not in self._bodies:
            return await self._flights.run(key, lambda: self._build(key, build))
        self._bodies.move_to_end(key)
        return self._bodies[key]

    async def _build(self, key: Hashable, build: Builder) -> Body:
        body = self._bodies[key] = await build()
        if len(self._bodies) > self._max_entries:
            self._bodies.popitem(last=False)
        return body


Responses = Annotated[ResponseCache, Depends(provided(ResponseCache))]


def _key(request: Request, revision: Hashable) -> Hashable:
    url = request.url
    return (
        url.path,
        url.query,
        htmx.wants_fragment(request),
        revision,
    )


def confirms(request: Request, digest: str) -> bool:
    """Return whether the client has the body with this tag."""
    named = request.headers.get("if-none-match", "").split(",")
    tags = (tag.strip().removeprefix("W/").strip('"') for tag in named)
    return any(tag in (digest, "*") for tag in tags)
