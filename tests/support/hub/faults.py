"""Faults in the delivery of a file, one class each.

A fault stands before a file `times` times (None: until it is withdrawn) and either answers in the file's place
or changes how it is delivered. To add one: write its class, name it in `KINDS`, and it works from Python,
over `POST /_hub/faults` and in the tests.
"""

import gzip
import threading
from collections.abc import MutableMapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

from aiohttp import web

from tests.support.hub.content import Spoiled, literal
from tests.support.hub.delivery import Delivery, Ending, reset
from tests.support.hub.gates import Latch

# "resolve" is the request for the location, "content" the one for the bytes. For a file served directly they are one.
Stage = Literal["resolve", "content"]
STAGES: tuple[Stage, ...] = ("resolve", "content")


@dataclass(kw_only=True)
class Fault:
    """The base class, without effect. `at_least` spares requests for fewer bytes, such as those for a header."""

    kind: ClassVar[str]
    # HEAD has no body, so faults of the body skip it and are not used up
    spares_head: ClassVar[bool] = True

    times: int | None = 1
    on: Stage = "content"
    at_least: int = 0

    async def answer(self, request: web.Request) -> web.StreamResponse | None:
        """Return a response in place of the file, or None to continue."""
        return None

    def distort(self, delivery: Delivery) -> None:
        """Change how the file is delivered."""

    def retouch(self, headers: MutableMapping[str, str]) -> None:
        """Change the headers of the file on either hop."""

    def withdraw(self) -> None:
        """Release the requests that this fault blocks."""


@dataclass(kw_only=True)
class Cut(Fault):
    """Announce the whole file, send `after` bytes, close the connection."""

    kind = "cut"
    after: int

    def distort(self, delivery: Delivery) -> None:
        delivery.sending = min(self.after, delivery.sending)
        delivery.ending = Ending.CLOSE


@dataclass(kw_only=True)
class Reset(Fault):
    """RST after `after` bytes of the body; with 0 before any response."""

    kind = "reset"
    spares_head = False
    after: int = 0

    async def answer(self, request: web.Request) -> web.StreamResponse | None:
        if self.after:
            return None
        reset(request)
        return web.Response()

    def distort(self, delivery: Delivery) -> None:
        delivery.sending = min(self.after, delivery.sending)
        delivery.ending = Ending.RESET


@dataclass(kw_only=True)
class Short(Fault):
    """A response that is complete by HTTP's rules but has only `length` of the bytes."""

    kind = "short"
    length: int

    def distort(self, delivery: Delivery) -> None:
        delivery.sending = min(self.length, delivery.sending)
        delivery.declared = delivery.sending


@dataclass(kw_only=True)
class WrongLength(Fault):
    """Content-Length announces `extra` bytes that are never sent."""

    kind = "wrong_length"
    extra: int = 1000

    def distort(self, delivery: Delivery) -> None:
        delivery.declared = delivery.sending + self.extra
        delivery.ending = Ending.CLOSE


@dataclass(kw_only=True)
class NoLength(Fault):
    """Chunks without Content-Length."""

    kind = "no_length"

    def distort(self, delivery: Delivery) -> None:
        delivery.declared = None


@dataclass(kw_only=True)
class LyingContentRange(Fault):
    """Content-Range has an offset wrong by `shift` bytes, or a wrong total; the bytes are the requested ones."""

    kind = "lying_content_range"
    shift: int = 0
    total: int | None = None

    def distort(self, delivery: Delivery) -> None:
        if delivery.status == 206:
            first, last = delivery.start + self.shift, delivery.stop - 1 + self.shift
            total = delivery.content.size if self.total is None else self.total
            delivery.headers["Content-Range"] = f"bytes {first}-{last}/{total}"


@dataclass(kw_only=True)
class IgnoreRange(Fault):
    """200 with the whole file for any requested range."""

    kind = "ignore_range"

    def distort(self, delivery: Delivery) -> None:
        delivery.whole_file()


@dataclass(kw_only=True)
class ChangedETag(Fault):
    """Another ETag than before, over the same bytes."""

    kind = "changed_etag"
    spares_head = False
    etag: str = "0" * 64

    def retouch(self, headers: MutableMapping[str, str]) -> None:
        for name in ("ETag", "X-Linked-ETag"):
            if name in headers:
                headers[name] = f'"{self.etag}"'


@dataclass(kw_only=True)
class ExpiredLink(Fault):
    """The 403 of a CDN for an expired signed URL. To expire all links: `hub.expire_links()`."""

    kind = "expired_link"
    spares_head = False

    async def answer(self, request: web.Request) -> web.StreamResponse | None:
        return link_expired()


@dataclass(kw_only=True)
class Redirect(Fault):
    """Redirect the client to `to`: a private address, a metadata service, another scheme."""

    kind = "redirect"
    spares_head = False
    on: Stage = "resolve"
    to: str
    status: int = 302

    async def answer(self, request: web.Request) -> web.StreamResponse | None:
        return web.Response(status=self.status, headers={"Location": self.to})


@dataclass(kw_only=True)
class RedirectLoop(Fault):
    """Redirect the client to the same URL."""

    kind = "redirect_loop"
    spares_head = False
    on: Stage = "resolve"
    times: int | None = None

    async def answer(self, request: web.Request) -> web.StreamResponse | None:
        return web.Response(status=302, headers={"Location": str(request.url)})


@dataclass(kw_only=True)
class Drip(Fault):
    """`rate` bytes per second."""

    kind = "drip"
    rate: float

    def distort(self, delivery: Delivery) -> None:
        delivery.rate = self.rate


@dataclass(kw_only=True)
class Stall(Fault):
    """Send `after` bytes, then stall with the connection open until released."""

    kind = "stall"
    after: int = 0
    _latch: Latch = field(default_factory=Latch, init=False, repr=False)
    _reached: threading.Event = field(default_factory=threading.Event, init=False, repr=False)

    def distort(self, delivery: Delivery) -> None:
        delivery.pause = (self.after, self._reached.set, self._latch)

    def wait_until_reached(self, timeout: float = 30) -> None:
        """Block until a request has been stalled."""
        if not self._reached.wait(timeout):
            raise TimeoutError(f"no request was stalled within {timeout} s")

    def release(self) -> None:
        self._latch.set()

    def withdraw(self) -> None:
        self.release()


@dataclass(kw_only=True)
class Status(Fault):
    """A response with this status, these headers and this body."""

    kind = "status"
    spares_head = False
    code: int
    headers: dict[str, str] = field(default_factory=dict)
    body: str = ""

    async def answer(self, request: web.Request) -> web.StreamResponse | None:
        return web.Response(status=self.code, headers=self.headers, text=self.body)


@dataclass(kw_only=True)
class RateLimited(Fault):
    """429 of Hugging Face: RateLimit contains the end of the window, on request Retry-After as well."""

    kind = "rate_limited"
    spares_head = False
    on: Stage = "resolve"
    seconds: int = 1
    retry_after: bool = False

    async def answer(self, request: web.Request) -> web.StreamResponse | None:
        headers = {
            "RateLimit": f'"resolvers";r=0;t={self.seconds}',
            "RateLimit-Policy": '"fixed window";"resolvers";q=3000;w=300',
        }
        if self.retry_after:
            headers["Retry-After"] = str(self.seconds)
        return web.json_response({"error": "We had to rate limit you"}, status=429, headers=headers)


@dataclass(kw_only=True)
class LoginPage(Fault):
    """200 with a web page in place of a model."""

    kind = "login_page"
    spares_head = False

    async def answer(self, request: web.Request) -> web.StreamResponse | None:
        return web.Response(
            text="<!DOCTYPE html><title>Sign in</title><h1>Sign in</h1>", content_type="text/html"
        )


@dataclass(kw_only=True)
class WrongContent(Fault):
    """The byte at offset `at` differs from the published content; -1 is the last."""

    kind = "wrong_content"
    times: int | None = None
    at: int = -1

    def distort(self, delivery: Delivery) -> None:
        delivery.content = Spoiled(delivery.content, self.at)


@dataclass(kw_only=True)
class Gzip(Fault):
    """Content-Encoding: gzip without a request for it. Compresses in memory, so for small files only."""

    kind = "gzip"

    def distort(self, delivery: Delivery) -> None:
        part = delivery.content.read(delivery.start, delivery.sending)
        delivery.content = literal(gzip.compress(part, mtime=0))
        delivery.start, delivery.stop = 0, delivery.content.size
        delivery.declared = delivery.sending = delivery.content.size
        delivery.headers["Content-Encoding"] = "gzip"


KINDS: dict[str, type[Fault]] = {
    fault.kind: fault
    for fault in (
        Cut, Reset, Short, WrongLength, NoLength, LyingContentRange, IgnoreRange, ChangedETag, ExpiredLink,
        Redirect, RedirectLoop, Drip, Stall, Status, RateLimited, LoginPage, WrongContent, Gzip,
    )
}  # fmt: skip


def fault_from_json(fields: dict[str, Any]) -> Fault:
    """Return the fault for `{"kind": "cut", "after": 1000, "times": 2}`. Raise ValueError when it is invalid."""
    options = dict(fields)
    kind = options.pop("kind", None)
    if kind not in KINDS:
        raise ValueError(f"unknown kind of fault {kind!r}; there are {', '.join(sorted(KINDS))}")
    try:
        return KINDS[kind](**options)
    except TypeError as error:
        raise ValueError(str(error)) from None


def link_expired() -> web.Response:
    body = '<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>'
    return web.Response(status=403, text=body, content_type="application/xml")
