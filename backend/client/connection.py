"""Requests to one control plane: credentials, errors, pages, WebSockets."""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar
from urllib.parse import quote

import httpx
from pydantic import TypeAdapter, ValidationError
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException

from backend import __version__
from backend.client.errors import ConnectionLost, Rejected, SignInRequired, UnexpectedResponse, Unreachable

Response = TypeVar("Response")
Item = TypeVar("Item")

# The control plane may ask a hub for sizes before it responds.
TIMEOUT = httpx.Timeout(120, connect=10)
# How long a control plane may be away, as during a restart, before a follower gives up.
AWAY_SECONDS = 60.0
RETRY_SECONDS = 0.5
UNAUTHORIZED = {httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN}


@dataclass(frozen=True, kw_only=True)
class Credentials:
    """A session's token or an API key."""

    token: str | None = field(default=None, repr=False)
    api_key: str | None = field(default=None, repr=False)

    @property
    def headers(self) -> dict[str, str]:
        if self.api_key:
            return {"X-API-Key": self.api_key}
        return {"Authorization": f"Bearer {self.token}"} if self.token else {}


class Connection:
    """An HTTP client and the credentials it sends."""

    def __init__(self, http: httpx.AsyncClient, credentials: Credentials):
        self.http = http
        self.credentials = credentials

    @property
    def url(self) -> str:
        return str(self.http.base_url)

    async def get(self, path: str, kind: type[Response], /, **query: Any) -> Response:
        return self._read(await self.request("GET", path, params=query), kind)

    async def post(self, path: str, kind: type[Response], /, **request: Any) -> Response:
        return self._read(await self.request("POST", path, **request), kind)

    async def put(self, path: str, kind: type[Response], body: object) -> Response:
        return self._read(await self.request("PUT", path, json=body), kind)

    async def pages(self, path: str, kind: type[list[Item]], /, **query: Any) -> AsyncIterator[list[Item]]:
        """Yield the pages of a list, one request each."""
        response = await self.request("GET", path, params=query)
        while True:
            yield self._read(response, kind)
            following = response.links.get("next")
            if following is None:
                return
            response = await self.request("GET", following["url"])

    async def all(self, path: str, kind: type[list[Item]], /, **query: Any) -> list[Item]:
        """Return the whole of a list."""
        return [entry async for page in self.pages(path, kind, **query) for entry in page]

    async def request(self, method: str, path: str, **request: Any) -> httpx.Response:
        """Return the response when it is a success; raise a ClientError otherwise."""
        try:
            response = await self.http.request(method, path, headers=self.credentials.headers, **request)
        except httpx.TransportError as error:
            reason = str(error) or "no response in time"
            raise Unreachable(f"The control plane at {self.url} does not respond: {reason}.") from None
        if response.is_success:
            return response
        raise self._rejected(path, response)

    async def stream(self, path: str) -> AsyncGenerator[bytes, None]:
        """Yield the content of a file in chunks; raise a ClientError unless all of it arrives."""
        try:
            async with self.http.stream("GET", path, headers=self.credentials.headers) as response:
                if not response.is_success:
                    await response.aread()
                    raise self._rejected(path, response)
                async for chunk in response.aiter_bytes():
                    yield chunk
        except httpx.TransportError as error:
            reason = str(error) or "no response in time"
            raise Unreachable(f"The control plane at {self.url} does not respond: {reason}.") from None

    async def frames(self, path: str) -> AsyncGenerator[str | bytes, None]:
        """Yield the frames of a WebSocket until it closes. Wait for a control plane that restarts."""
        async with await self._socket(path) as socket:
            with suppress(ConnectionClosed):
                async for frame in socket:
                    yield frame

    async def _socket(self, path: str) -> ClientConnection:
        deadline = time.monotonic() + AWAY_SECONDS
        address = str(self.http.base_url.join(path)).replace("http", "ws", 1)
        proxy: Literal[True] | None = True if self.http.trust_env else None
        headers = self.credentials.headers
        while True:
            try:
                return await connect(address, additional_headers=headers, proxy=proxy, max_size=None)
            except InvalidStatus as error:
                if error.response.status_code in UNAUTHORIZED:
                    raise SignInRequired(401, "session_ended", "The session has ended.", {}) from None
            except (OSError, WebSocketException):
                pass
            if time.monotonic() > deadline:
                raise ConnectionLost(f"The control plane at {self.url} does not respond any more.")
            await asyncio.sleep(RETRY_SECONDS)

    def _read(self, response: httpx.Response, kind: type[Response]) -> Response:
        try:
            return TypeAdapter(kind).validate_json(response.content)
        except ValidationError:
            raise UnexpectedResponse(
                f"The control plane at {self.url} sent a response that this client (version {__version__}) does not "
                "understand. Use the client of the control plane's version."
            ) from None

    def _rejected(self, path: str, response: httpx.Response) -> Rejected | UnexpectedResponse:
        try:
            error = response.json()["error"]
            kind = SignInRequired if response.status_code == httpx.codes.UNAUTHORIZED else Rejected
            return kind(response.status_code, error["code"], error["message"], error["details"])
        except (ValueError, KeyError, TypeError):
            return UnexpectedResponse(
                f"{self.url} is not a control plane: it responded with {response.status_code} {response.reason_phrase} "
                f"to {path}."
            )


def part(text: str) -> str:
    """Quote `text` as one part of a path."""
    return quote(text, safe="")


def given(**query: Any) -> dict[str, Any]:
    """Return the parameters that have a value."""
    return {name: value for name, value in query.items() if value is not None}
