"""Asks a hub where a file is, how large it is and what its content must be."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import unquote, urljoin

import httpx

from backend.downloads.addresses import hub_file, is_civitai, name_in, origin
from backend.downloads.faults import LastingFault, PassingFault
from backend.downloads.guard import Guard

MAX_REDIRECTS = 10
REDIRECTS = frozenset({301, 302, 303, 307, 308})
ANSWER_SECONDS = 60
SHA256 = re.compile(r"^[0-9a-f]{64}$")
GIT_SHA1 = re.compile(r"^[0-9a-f]{40}$")


@dataclass(frozen=True, kw_only=True)
class Located:
    """What is known about a file before its first byte."""

    # Where to send the GET. May be signed: never store or log it.
    url: str
    # Sent to that address only, not to where it redirects.
    headers: dict[str, str] = field(default_factory=dict)
    bytes: int | None = None
    sha256: str | None = None
    # Git's hash of a small file, as hubs give it: sha1 of `blob {size}\0` and the content.
    git_sha1: str | None = None
    # The content's name at the hub, if it has one.
    identity: str | None = None


@dataclass(frozen=True, kw_only=True)
class Tokens:
    """Secrets, each for one endpoint."""

    hf_endpoint: str
    hf_token: str | None
    civitai_endpoint: str
    civitai_token: str | None


class Sources:
    """Speaks the hubs' protocols. Every request passes the guard, every token goes to its own origin only."""

    def __init__(self, client: httpx.AsyncClient, guard: Guard, tokens: Tokens):
        self._client = client
        self._guard = guard
        self._tokens = tokens

    def canonical(self, url: str) -> str:
        """`/blob/` links become `/resolve/` links at the configured endpoint; others stay as they are."""
        found = hub_file(url, self._tokens.hf_endpoint)
        return found.address(self._tokens.hf_endpoint) if found else url

    async def locate(self, url: str) -> Located:
        """Ask the hub about `url`. For plain web servers there is nobody to ask: the GET itself will tell."""
        if hub_file(url, self._tokens.hf_endpoint):
            return await self._locate_on_hugging_face(self.canonical(url))
        return Located(url=url, headers=self._headers_for(url))

    async def filename(self, url: str) -> str | None:
        """The name that the server gives the file, asked with a request for its first byte."""
        headers = {**self._headers_for(url), "Range": "bytes=0-0"}
        async with self.open(url, headers) as response:
            check_answer(response)
            return _name_in_disposition(response.headers.get("content-disposition", "")) or name_in(
                str(response.url)
            )

    @asynccontextmanager
    async def open(self, url: str, headers: dict[str, str]) -> AsyncIterator[httpx.Response]:
        """GET `url` and follow redirects by hand: each target is checked, credentials stay behind."""
        for _ in range(MAX_REDIRECTS):
            self._guard.check_url(url)
            async with self._client.stream("GET", url, headers=headers) as response:
                if response.status_code not in REDIRECTS:
                    yield response
                    return
                target = _redirect_target(url, response)
            if origin(target) != origin(url):
                headers = {name: value for name, value in headers.items() if name != "Authorization"}
            url = target
        raise LastingFault(
            "redirect_loop", "The server redirects in circles. Try another address of this file."
        )

    async def _locate_on_hugging_face(self, url: str) -> Located:
        response = await self._head(url)
        etag = _bare(response.headers.get("x-linked-etag") or response.headers.get("etag", ""))
        size = response.headers.get("x-linked-size")
        if size is None and response.status_code == 200:
            size = response.headers.get("content-length")
        return Located(
            url=url,
            headers=self._headers_for(url),
            bytes=int(size) if size and size.isdigit() else None,
            sha256=etag if SHA256.match(etag) else None,
            git_sha1=etag if GIT_SHA1.match(etag) else None,
            identity=etag or None,
        )

    async def _head(self, url: str) -> httpx.Response:
        """HEAD, following redirects inside the hub (a renamed repository) but not to its CDN."""
        for _ in range(MAX_REDIRECTS):
            self._guard.check_url(url)
            response = await self._client.head(url, headers=self._headers_for(url), timeout=ANSWER_SECONDS)
            if response.status_code not in REDIRECTS:
                check_answer(response)
                return response
            target = _redirect_target(url, response)
            if origin(target) != origin(url) or "x-linked-etag" in response.headers:
                return response
            url = target
        raise LastingFault("redirect_loop", "The hub redirects in circles.")

    def _headers_for(self, url: str) -> dict[str, str]:
        token = None
        if origin(url) == origin(self._tokens.hf_endpoint):
            token = self._tokens.hf_token
        elif is_civitai(url, self._tokens.civitai_endpoint):
            token = self._tokens.civitai_token
        return {"Authorization": f"Bearer {token}"} if token else {}


def check_answer(response: httpx.Response) -> None:
    """Turn an error status into a fault whose sentence says what to do."""
    status, host = response.status_code, response.url.host
    if status < 400:
        return
    if status == 429:
        raise PassingFault(
            "rate_limited", f"{host} asks us to slow down.", wait=_seconds_to_wait(response.headers)
        )
    if status in (408, 425) or status >= 500:
        raise PassingFault(
            "server_trouble", f"{host} is in trouble (status {status}).", wait=_retry_after(response.headers)
        )
    raise LastingFault(*_refusal(response))


def _refusal(response: httpx.Response) -> tuple[str, str]:
    host, code = response.url.host, response.headers.get("x-error-code", "")
    if code == "GatedRepo":
        repo = "/".join(response.url.path.strip("/").split("/")[:2])
        return "gated", (
            f"{repo} is gated: accept its licence at https://huggingface.co/{repo} with your account, "
            "set HF_TOKEN to a token of that account, then retry."
        )
    match response.status_code:
        case 401:
            return (
                "token_needed",
                f"{host} wants a sign-in. Set the token for this site, or check that it is still valid.",
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


def _redirect_target(url: str, response: httpx.Response) -> str:
    location: str | None = response.headers.get("location")
    if not location:
        raise LastingFault("bad_redirect", f"{response.url.host} redirects without saying where to.")
    if "reason=download-auth" in location:
        raise LastingFault(
            "token_needed",
            f"{response.url.host} wants a sign-in for this file. Set CIVITAI_TOKEN, then retry.",
        )
    return urljoin(url, location)


def _seconds_to_wait(headers: httpx.Headers) -> float | None:
    """`RateLimit: "api";r=0;t=55` → 56; else Retry-After."""
    match = re.search(r"\bt=(\d+)", headers.get("ratelimit", ""))
    return float(match[1]) + 1 if match else _retry_after(headers)


def _retry_after(headers: httpx.Headers) -> float | None:
    value = headers.get("retry-after", "")
    return float(value) if value.isdigit() else None


def _name_in_disposition(value: str) -> str | None:
    extended = re.search(r"filename\*=(?:UTF-8|utf-8)''([^;]+)", value)
    plain = re.search(r'filename="?([^";]+)"?', value)
    name = unquote(extended[1]) if extended else plain[1] if plain else ""
    return name.replace("\\", "/").rpartition("/")[2].strip() or None


def _bare(etag: str) -> str:
    return etag.removeprefix("W/").strip('"')
