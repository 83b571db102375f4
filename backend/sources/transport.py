"""Requests to hubs and file servers: every address is checked, every token stays with its origin."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any, TypeVar
from urllib.parse import urljoin

import httpx
from pydantic import TypeAdapter, ValidationError

from backend.sources.addresses import origin, read_link
from backend.sources.errors import PermanentError, TemporaryError
from backend.sources.guard import Guard
from backend.sources.tokens import Tokens

MAX_REDIRECTS = 10
REDIRECTS = frozenset({301, 302, 303, 307, 308})
ANSWER_SECONDS = 60
MAX_JSON_BYTES = 64 * 2**20

Model = TypeVar("Model")


class Transport:
    """Redirects are followed by hand, so that each target is checked and credentials stay behind."""

    def __init__(
        self, client: httpx.AsyncClient, guard: Guard, tokens: Tokens, answer_seconds: float = ANSWER_SECONDS
    ):
        """`answer_seconds`: how long a hub or server may take for what a person waits for."""
        self._client = client
        self._answer_seconds = answer_seconds
        self._guard = guard
        self._tokens = tokens

    def headers_for(self, url: str) -> dict[str, str]:
        token = self._tokens.for_url(url)
        return {"Authorization": f"Bearer {token}"} if token else {}

    @asynccontextmanager
    async def open(
        self, url: str, headers: dict[str, str], method: str = "GET", body: object = None
    ) -> AsyncIterator[httpx.Response]:
        """The answer at the end of all redirects, its body unread. Error statuses are answers, too."""
        for _ in range(MAX_REDIRECTS):
            self._guard.check_url(url)
            async with self._client.stream(method, url, headers=headers, json=body) as response:
                if response.status_code not in REDIRECTS:
                    yield response
                    return
                target = redirect_target(url, response)
            if origin(target) != origin(url):
                headers = {name: value for name, value in headers.items() if name != "Authorization"}
            url = target
        raise PermanentError(
            "redirect_loop", "The server redirects in circles. Try another address of this file."
        )

    async def head(self, url: str) -> httpx.Response:
        """HEAD, following redirects inside one origin (a renamed repository) but not to a CDN."""
        for _ in range(MAX_REDIRECTS):
            self._guard.check_url(url)
            response = await self._client.head(
                url, headers=self.headers_for(url), timeout=self._answer_seconds
            )
            if response.status_code not in REDIRECTS:
                check_answer(response)
                return response
            target = redirect_target(url, response)
            if origin(target) != origin(url) or "x-linked-etag" in response.headers:
                self._guard.check_url(target)
                return response
            url = target
        raise PermanentError("redirect_loop", "The hub redirects in circles.")

    async def ask(self, url: str, method: str = "GET", body: object = None, token: str | None = None) -> Any:
        """A hub's answer to a question, from JSON. Raises a `TransferError` when it is none.

        `token` goes along instead of the one that is in use for this hub.
        """
        headers = {"Authorization": f"Bearer {token}"} if token else self.headers_for(url)
        async with self.answer(url, headers, method, body) as response:
            return await _read_json(response)

    async def probe(self, url: str) -> None:
        """Raises a `TransferError` when `url` may not be read; what it says does not matter."""
        async with self.answer(url, self.headers_for(url)):
            pass

    async def beginning(self, url: str, headers: dict[str, str], most: int) -> bytes:
        """The first bytes of what is there, `most` of them if it has as many. Raises a `TransferError`."""
        async with self.answer(url, headers) as response:
            return await first_bytes(response, most)

    @asynccontextmanager
    async def answer(
        self, url: str, headers: dict[str, str], method: str = "GET", body: object = None
    ) -> AsyncIterator[httpx.Response]:
        """A good answer, for as long as a person waits: the whole block has to end by then."""
        with plain_faults():
            async with (
                asyncio.timeout(self._answer_seconds),
                self.open(url, headers, method, body) as response,
            ):
                check_answer(response)
                yield response


async def first_bytes(response: httpx.Response, most: int) -> bytes:
    content = b""
    async for chunk in response.aiter_raw():
        content += chunk
        if len(content) >= most:
            break
    return content[:most]


def understood(kind: type[Model], body: object) -> Model:
    """A hub's answer in the shape that we know. Hubs change; what is not as expected is refused whole."""
    try:
        return TypeAdapter(kind).validate_python(body)
    except ValidationError:
        raise PermanentError(
            "strange_answer",
            "The hub answered in a form that we do not know. Try again, or give a direct link.",
        ) from None


async def _read_json(response: httpx.Response) -> Any:
    content = bytearray()
    async for chunk in response.aiter_raw():
        content += chunk
        if len(content) > MAX_JSON_BYTES:
            raise PermanentError(
                "strange_answer", f"{response.url.host} answered with more than we can read."
            )
    try:
        return json.loads(content)
    except ValueError:
        raise PermanentError(
            "strange_answer",
            f"{response.url.host} answered something that is not JSON. Is the address of the hub right?",
        ) from None


@contextmanager
def plain_faults() -> Iterator[None]:
    """Say in our own words what a request can fail with."""
    try:
        yield
    except TimeoutError:
        raise TemporaryError("no_answer", "The server does not answer.") from None
    except httpx.HTTPError:
        raise TemporaryError(
            "connection_lost", "The connection failed. Is the server reachable from this pod?"
        ) from None


def check_answer(response: httpx.Response) -> None:
    """Turn an error status into a fault whose sentence says what to do."""
    status, host = response.status_code, response.url.host
    if status < 400:
        return
    if status == 429:
        raise TemporaryError(
            "rate_limited", f"{host} asks us to slow down.", wait=_seconds_to_wait(response.headers)
        )
    if status in (408, 425) or status >= 500:
        raise TemporaryError(
            "server_trouble", f"{host} is in trouble (status {status}).", wait=_retry_after(response.headers)
        )
    raise PermanentError(*_refusal(response))


def _refusal(response: httpx.Response) -> tuple[str, str]:
    host, code = response.url.host, response.headers.get("x-error-code", "")
    if code == "GatedRepo":
        parts = response.url.path.removeprefix("/api/models").strip("/").split("/")
        repo = "/".join(parts[:2])
        return "gated", (
            f"{repo} is gated: accept its licence at https://huggingface.co/{repo} with your account, "
            "set a token of that account in Settings (or HF_TOKEN), then retry."
        )
    if response.status_code in (400, 401, 403) and read_link(str(response.request.url)).holds_secret:
        return "paste_again", (
            f"{host} does not accept this signed link any more. Copy a fresh one and paste it again: "
            "what has arrived is kept."
        )
    match response.status_code:
        case 401:
            return (
                "token_needed",
                f"{host} wants a sign-in. Set the token for this site in Settings, or check that it is still valid.",
            )
        case 403:
            return (
                "forbidden",
                f"{host} refuses this file: it may be early access, or the token lacks the right to read it.",
            )
        case 404 | 410:
            return (
                "not_at_source",
                f"{host} has no such file. Check the address; it may have been moved or renamed.",
            )
        case status:
            return "refused", f"{host} refused the request (status {status})."


def redirect_target(url: str, response: httpx.Response) -> str:
    location: str | None = response.headers.get("location")
    if not location:
        raise PermanentError("bad_redirect", f"{response.url.host} redirects without saying where to.")
    if "reason=download-auth" in location:
        raise PermanentError(
            "token_needed",
            f"{response.url.host} wants a sign-in for this file. "
            "Set the Civitai token in Settings (or CIVITAI_TOKEN), then retry.",
        )
    try:
        target = urljoin(url, location)
        origin(target)
        return str(httpx.URL(target))
    except (ValueError, httpx.InvalidURL):
        raise PermanentError(
            "bad_redirect", f"{response.url.host} redirects to something that is not an address."
        ) from None


def _seconds_to_wait(headers: httpx.Headers) -> float | None:
    """`RateLimit: "api";r=0;t=55` → 56; else Retry-After."""
    match = re.search(r"\bt=(\d+)", headers.get("ratelimit", ""))
    return float(match[1]) + 1 if match else _retry_after(headers)


def _retry_after(headers: httpx.Headers) -> float | None:
    value = headers.get("retry-after", "")
    return float(value) if value.isdigit() else None
