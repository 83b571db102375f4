"""Requests to one ComfyUI: bounded in time and size, and with every failure as one of our errors."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import httpx

from backend.comfy.errors import InvalidResponse, Rejected, Unreachable
from backend.comfy.redaction import redact_text
from backend.comfy.timing import Timing
from backend.comfy.wire import decode
from backend.core.errors import InvalidRequest

MEGABYTE = 1_000_000
MOST_BYTES = 8 * MEGABYTE
PROXY_STATUSES = {502, 503, 504}

Query = Mapping[str, str | int]


@dataclass(frozen=True, kw_only=True)
class Reply:
    """A response that was read to its end."""

    request: str
    status: int
    body: bytes

    @property
    def is_success(self) -> bool:
        return 200 <= self.status < 300

    def json(self) -> Any:
        return decode(self.body, self.request)

    def error(self) -> Any:
        """Return what `error` says in a JSON body; None for any other body, such as a page."""
        try:
            data = self.json()
        except InvalidResponse:
            return None
        return data.get("error") if isinstance(data, dict) else None

    def rejected(self) -> Rejected:
        said = self.error()
        if isinstance(said, dict):
            said = said.get("message")
        reason = f": {redact_text(str(said))}" if said else f" with status {self.status}."
        return Rejected(f"ComfyUI refuses {self.request}{reason}", upstream_status=self.status)


class Transport:
    def __init__(self, base_url: str, client: httpx.AsyncClient, timing: Timing):
        self.base_url = base_url.rstrip("/")
        self.timing = timing
        self._client = client

    async def get_json(
        self,
        path: str,
        query: Query | None = None,
        *,
        most_bytes: int = MOST_BYTES,
        seconds: float | None = None,
    ) -> Any:
        reply = await self.request("GET", path, query=query, most_bytes=most_bytes, seconds=seconds)
        if not reply.is_success:
            raise reply.rejected()
        return reply.json()

    async def post(self, path: str, body: Any) -> Reply:
        reply = await self.request("POST", path, body=body)
        if not reply.is_success:
            raise reply.rejected()
        return reply

    async def request(
        self,
        method: str,
        path: str,
        *,
        query: Query | None = None,
        body: Any = None,
        most_bytes: int = MOST_BYTES,
        seconds: float | None = None,
    ) -> Reply:
        """Send `body` as JSON, and read the response whatever its status, short of one that is not ComfyUI's."""
        options: dict[str, Any] = {"params": query}
        if body is not None:
            options |= {"content": encode(body), "headers": {"Content-Type": "application/json"}}
        return await self.send(method, path, most_bytes=most_bytes, seconds=seconds, **options)

    async def send(
        self,
        method: str,
        path: str,
        *,
        most_bytes: int = MOST_BYTES,
        seconds: float | None = None,
        **options: Any,
    ) -> Reply:
        """Like `request`, with httpx's own options for what is sent."""
        seconds = seconds or self.timing.response
        try:
            async with asyncio.timeout(seconds), self.stream(method, path, **options) as response:
                body = await _read(response, f"{method} {path}", most_bytes)
                return Reply(request=f"{method} {path}", status=response.status_code, body=body)
        except TimeoutError:
            raise Unreachable(f"no response within {seconds:.0f} seconds") from None

    @asynccontextmanager
    async def stream(self, method: str, path: str, **options: Any) -> AsyncIterator[httpx.Response]:
        """Open a response. Errors that occur while its body is read are translated, too."""
        request = f"{method} {path}"
        # It would be decoded without a limit.
        headers = {"Accept-Encoding": "identity", **options.pop("headers", {})}
        try:
            async with self._client.stream(
                method,
                f"{self.base_url}{path}",
                headers=headers,
                timeout=self.timing.quiet,
                follow_redirects=False,
                **options,
            ) as response:
                _check(response, request)
                yield response
        except httpx.RemoteProtocolError as error:
            raise _broken(error, request) from None
        except (httpx.TransportError, httpx.StreamError) as error:
            raise Unreachable(str(error) or type(error).__name__) from None
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise InvalidResponse(request, str(error)) from None
        except UnicodeEncodeError:
            raise InvalidRequest("A name holds half a character, which no request can carry.") from None


def _check(response: httpx.Response, request: str) -> None:
    status = response.status_code
    if status in PROXY_STATUSES:
        raise Unreachable(f"status {status}, which a proxy sends in its place")
    if status >= 500:
        raise InvalidResponse(request, f"status {status}, an error of its own")
    if status < 200 or 300 <= status < 400:
        raise InvalidResponse(request, f"status {status}, which it never sends")
    if response.headers.get("Content-Encoding", "identity") != "identity":
        raise InvalidResponse(request, "it is compressed although it must not be")


def _broken(error: httpx.RemoteProtocolError, request: str) -> Unreachable | InvalidResponse:
    """Tell a connection that ended too early from a peer that does not speak HTTP."""
    reason = str(error)
    if "disconnected" in reason or "closed connection" in reason:
        return Unreachable(reason)
    return InvalidResponse(request, reason)


async def _read(response: httpx.Response, request: str, most_bytes: int) -> bytes:
    body = bytearray()
    async for chunk in response.aiter_raw():
        body += chunk
        if len(body) > most_bytes:
            raise InvalidResponse(request, f"it is larger than {most_bytes / MEGABYTE:.0f} MB")
    return bytes(body)


def encode(body: Any) -> bytes:
    try:
        return json.dumps(body, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
    except (ValueError, TypeError, RecursionError):
        raise InvalidRequest(
            "The request holds a value that JSON cannot express, such as NaN or half a character."
        ) from None


def segment(name: str) -> str | None:
    """Return `name` as the last part of a path; None for a name that cannot be one."""
    return None if name in ("", ".", "..") else quote(name, safe="", errors="replace")
