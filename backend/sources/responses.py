"""What the responses of hubs and file servers mean."""

import json
from typing import Any, TypeVar

import httpx
from pydantic import TypeAdapter, ValidationError

from backend.sources.addresses import read_link
from backend.sources.errors import PermanentError, TemporaryError
from backend.sources.headers import rate_limit_reset, retry_after

MAX_JSON_BYTES = 64 * 2**20

Model = TypeVar("Model")


def check_status(response: httpx.Response) -> None:
    """Raise a TransferError with a useful message for an error status."""
    status, host = response.status_code, response.url.host
    if status < 400:
        return
    if status == 429:
        raise TemporaryError(
            "rate_limited", f"{host} limits the rate of requests.", wait=rate_limit_reset(response.headers)
        )
    if status in (408, 425) or status >= 500:
        raise TemporaryError(
            "server_trouble",
            f"{host} has a problem at the moment (status {status}).",
            wait=retry_after(response.headers),
        )
    raise PermanentError(*_refusal(response))


def _refusal(response: httpx.Response) -> tuple[str, str]:
    host, code = response.url.host, response.headers.get("x-error-code", "")
    if code == "GatedRepo":
        repo = _repository(response)
        return "gated", (
            f"{repo} is gated: accept its licence at https://huggingface.co/{repo} with your account, "
            "set a token of that account in Settings (or HF_TOKEN), then retry."
        )
    if code == "RepoNotFound":
        return "not_found_or_private", (
            f"{_repository(response)} was not found on {host}, or it is private. Check the spelling. "
            "For a private repository, set a token of an account that can read it in Settings."
        )
    if response.status_code in (400, 401, 403) and read_link(str(response.request.url)).holds_secret:
        return "paste_again", (
            f"{host} no longer accepts this signed link. Copy a fresh one and paste it again: "
            "the received bytes are kept."
        )
    return _refusal_by_status(response.status_code, host)


def _refusal_by_status(status: int, host: str) -> tuple[str, str]:
    match status:
        case 401:
            return (
                "token_needed",
                f"{host} requires a sign-in. Set the token for this site in Settings, or check that it is valid.",
            )
        case 403:
            return (
                "forbidden",
                f"{host} refuses this file: it may be in early access, or the token may not read it.",
            )
        case 404 | 410:
            return (
                "not_at_source",
                f"{host} has no such file. Check the URL; the file may have been moved or renamed.",
            )
    return "refused", f"{host} refused the request (status {status})."


def _repository(response: httpx.Response) -> str:
    """Return `owner/name` from the URL of a file or of an API call."""
    parts = response.url.path.removeprefix("/api/models").strip("/").split("/")
    return "/".join(parts[:2])


async def first_bytes(response: httpx.Response, limit: int) -> bytes:
    """Return the first `limit` bytes of the body, or all of it if it is shorter."""
    content = b""
    async for chunk in response.aiter_raw():
        content += chunk
        if len(content) >= limit:
            break
    return content[:limit]


async def read_json(response: httpx.Response) -> Any:
    """Return the body, parsed as JSON. Raise PermanentError when it is too large or no JSON."""
    host = response.url.host
    content = bytearray()
    async for chunk in response.aiter_raw():
        content += chunk
        if len(content) > MAX_JSON_BYTES:
            raise PermanentError("invalid_response", f"The response of {host} is too large.")
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        raise PermanentError(
            "invalid_response", f"The response of {host} is not JSON. Check the address of the hub."
        ) from None


def parse(kind: type[Model], body: object) -> Model:
    """Return a hub's response as `kind`. Hubs change: a response of another shape is refused as a whole."""
    try:
        return TypeAdapter(kind).validate_python(body)
    except ValidationError:
        raise PermanentError(
            "invalid_response",
            "The hub's response has an unknown format. Try again, or use a direct link to the file.",
        ) from None
