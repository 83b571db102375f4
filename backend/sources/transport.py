"""Requests to hubs and file servers: every URL is checked, every token stays with its origin."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from typing import Any
from urllib.parse import urljoin

import httpx

from backend.sources.address_guard import AddressGuard
from backend.sources.addresses import origin
from backend.sources.errors import PermanentError, TemporaryError
from backend.sources.http_errors import http_errors
from backend.sources.responses import check_status, first_bytes, read_json
from backend.sources.tokens import Tokens

MAX_REDIRECTS = 10
REDIRECTS = frozenset({301, 302, 303, 307, 308})
ANSWER_SECONDS = 60


class Transport:
    """Follows redirects itself, so that each target is checked and credentials stay with their origin."""

    def __init__(
        self,
        client: httpx.AsyncClient,
        guard: AddressGuard,
        tokens: Tokens,
        answer_seconds: float = ANSWER_SECONDS,
    ):
        """`answer_seconds`: how long a server may take for a response that a user waits for."""
        self._client = client
        self._answer_seconds = answer_seconds
        self._guard = guard
        self._tokens = tokens

    def headers_for(self, url: str) -> dict[str, str]:
        """Return the Authorization header for a URL of a hub."""
        token = self._tokens.for_url(url)
        return {"Authorization": f"Bearer {token}"} if token else {}

    @asynccontextmanager
    async def open(
        self, url: str, headers: dict[str, str], method: str = "GET", body: object = None
    ) -> AsyncIterator[httpx.Response]:
        """Follow redirects and yield the last response, its body unread. Error statuses are responses, too.

        Raise TransferError for everything that keeps a response from coming.
        """
        for _ in range(MAX_REDIRECTS):
            response = await self._authorized(method, url, headers, body)
            async with aclosing(response):
                if response.status_code not in REDIRECTS:
                    yield response
                    return
                target = redirect_target(url, response)
            if origin(target) != origin(url):
                headers = {name: value for name, value in headers.items() if name != "Authorization"}
            url = target
        raise _redirect_loop()

    async def _authorized(
        self, method: str, url: str, headers: dict[str, str], body: object
    ) -> httpx.Response:
        """Send a request. When the hub rejects our token, send it again without, because most files are public."""
        sent = headers.get("Authorization")
        if sent is None or not self._tokens.is_in_use(url, sent):
            return await self._send(method, url, headers, body)
        anonymous = {name: value for name, value in headers.items() if name != "Authorization"}
        if self._tokens.is_rejected(url):
            return await self._send(method, url, anonymous, body)
        response = await self._send(method, url, headers, body)
        if response.status_code != 401:
            return response
        await response.aclose()
        response = await self._send(method, url, anonymous, body)
        if response.status_code not in (401, 403):
            self._tokens.reject(url)
        return response

    async def _send(
        self, method: str, url: str, headers: dict[str, str], body: object = None
    ) -> httpx.Response:
        self._guard.check_url(url)
        with http_errors():
            request = self._client.build_request(method, url, headers=headers, json=body)
            return await self._client.send(request, stream=True)

    async def metadata_of(self, url: str) -> httpx.Response:
        """Return a response with the headers of a file at a hub; its body is empty or must be ignored.

        Redirects are followed inside the hub's origin (a renamed repository) but not to a CDN. A server that cannot
        answer HEAD is asked for the first byte.
        """
        try:
            return await self._headers(url, "HEAD", {})
        except TemporaryError as error:
            if error.code in ("rate_limited", "no_answer"):
                raise
        except PermanentError as error:
            if error.code != "refused":
                raise
        return await self._headers(url, "GET", {"Range": "bytes=0-0"})

    async def _headers(self, url: str, method: str, headers: dict[str, str]) -> httpx.Response:
        for _ in range(MAX_REDIRECTS):
            try:
                async with asyncio.timeout(self._answer_seconds):
                    response = await self._authorized(method, url, self.headers_for(url) | headers, None)
                    await response.aclose()
            except TimeoutError:
                raise _no_answer() from None
            if response.status_code not in REDIRECTS:
                check_status(response)
                return response
            target = redirect_target(url, response)
            if origin(target) != origin(url) or "x-linked-etag" in response.headers:
                self._guard.check_url(target)
                return response
            url = target
        raise _redirect_loop()

    async def json(self, url: str, method: str = "GET", body: object = None, token: str | None = None) -> Any:
        """Return a hub's JSON response. Raise TransferError. `token` is sent instead of the hub's token in use."""
        if token is None:
            async with self.response(url, self.headers_for(url), method, body) as response:
                return await read_json(response)
        headers = {"Authorization": f"Bearer {token}"}
        try:
            async with (
                asyncio.timeout(self._answer_seconds),
                aclosing(await self._send(method, url, headers, body)) as response,
            ):
                check_status(response)
                return await read_json(response)
        except TimeoutError:
            raise _no_answer() from None

    async def check_readable(self, url: str) -> None:
        """Raise TransferError when `url` may not be read."""
        async with self.response(url, self.headers_for(url)):
            pass

    async def beginning(self, url: str, headers: dict[str, str], limit: int) -> bytes:
        """Return the first bytes of a file, at most `limit`. Raise TransferError."""
        async with self.response(url, headers) as response:
            return await first_bytes(response, limit)

    @asynccontextmanager
    async def response(
        self, url: str, headers: dict[str, str], method: str = "GET", body: object = None
    ) -> AsyncIterator[httpx.Response]:
        """Yield a successful response. The whole block must end within the time that a user waits."""
        try:
            async with (
                asyncio.timeout(self._answer_seconds),
                self.open(url, headers, method, body) as response,
            ):
                check_status(response)
                yield response
        except TimeoutError:
            raise _no_answer() from None


def redirect_target(url: str, response: httpx.Response) -> str:
    """Return the URL that a redirect leads to. Raise PermanentError when it leads nowhere."""
    location: str | None = response.headers.get("location")
    if not location:
        raise PermanentError("bad_redirect", f"{response.url.host} sent a redirect without a target.")
    if "reason=download-auth" in location:
        raise PermanentError(
            "token_needed",
            f"{response.url.host} requires a sign-in for this file. "
            "Set the Civitai token in Settings (or CIVITAI_TOKEN), then retry.",
        )
    try:
        target = urljoin(url, location)
        origin(target)
        return str(httpx.URL(target))
    except (ValueError, httpx.InvalidURL):
        raise PermanentError(
            "bad_redirect", f"{response.url.host} sent a redirect to something that is not a URL."
        ) from None


def _redirect_loop() -> PermanentError:
    return PermanentError("redirect_loop", "The server redirects in circles. Try another URL of this file.")


def _no_answer() -> TemporaryError:
    return TemporaryError("no_answer", "The server does not answer.")
