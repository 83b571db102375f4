"""Parses the URLs that users paste: what may be stored, what is secret, which origin it has. Pure functions."""

import re
from base64 import b64encode
from dataclasses import dataclass
from pathlib import PurePosixPath
from urllib.parse import SplitResult, unquote, urlsplit, urlunsplit

import httpx

from backend.core.errors import InvalidRequest

# Marks a stored URL whose signature was removed. Fragments are never sent to a server.
SIGNED = "#signed"

SECRET_WORDS = re.compile(
    r"token|key(?!word)|secret|signature|passw|credential|policy|auth(?!or)|jwt|hmac|session|\bsig\b|^code$"
)
# Parameters that say when and by whom a link was signed: useless without the signature, and different in each link.
SIGNATURE_DETAILS = re.compile(
    r"x-(?:amz|goog|oss|cos|tos|obs)-.*|expires|googleaccessid|se|sp|sv|sr|st|spr|skoid|sktid|skt|ske|sks|skv"
)
# A link that expires is signed, whatever its signature is called: nginx's `md5`, `hash` and `e`, Cloudflare's `verify`.
EXPIRY = re.compile(r"expires?|exp|e|verify")
SIGNATURE_BESIDE_EXPIRY = re.compile(r"md5|hash|h|hdnts|mac|sign|s|t")
NOT_IN_URLS = re.compile(r"[\x00-\x20\x7f\\\ud800-\udfff]")
HOST = re.compile(r"[\w.-]+|[0-9a-fA-F:.]+")

Origin = tuple[str, str, int]
CIVITAI_SITES = ("https://civitai.com", "https://civitai.red")


@dataclass(frozen=True, kw_only=True)
class Link:
    """A pasted URL and its parts."""

    # May be stored, logged and shown. Ends in `#signed` when a secret was removed.
    url: str
    # The URL to request, with its signature. Kept in memory only.
    whole: str
    # `Authorization` for its user and password. Kept in memory only.
    authorization: str | None = None
    # The value of its `token` parameter. Kept in memory only.
    token: str | None = None

    @property
    def holds_secret(self) -> bool:
        return bool(self.authorization) or self.whole != self.url.removesuffix(SIGNED)


def read_link(text: str) -> Link:
    """Parse an http(s) URL. Raise InvalidRequest when it is none. A stored URL parses to itself."""
    parts, host = _checked(text.strip())
    netloc = f"{host}:{parts.port}" if parts.port else host
    pairs = [pair for pair in parts.query.split("&") if pair]
    secrets = _secrets(pairs)
    if secrets:
        pairs = [
            pair for pair in pairs if pair not in secrets and not SIGNATURE_DETAILS.fullmatch(_name(pair))
        ]
    url = urlunsplit((parts.scheme, netloc, parts.path, "&".join(pairs), ""))
    authorization = _basic(parts)
    is_signed = secrets or authorization or f"#{parts.fragment}" == SIGNED
    return Link(
        url=url + SIGNED if is_signed else url,
        whole=urlunsplit((parts.scheme, netloc, parts.path, parts.query, "")),
        authorization=authorization,
        token=_token(secrets),
    )


def _checked(text: str) -> tuple[SplitResult, str]:
    """Return the parts, and the host as written in a URL. Two libraries must read the same host from it."""
    try:
        parts = urlsplit(text)
        host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname or ""
        hosts_agree = httpx.URL(text).host == httpx.URL(f"{parts.scheme}://{host}").host
        ports_agree = (httpx.URL(text).port or None) == (_port(parts) or None)
    except (ValueError, httpx.InvalidURL, UnicodeError):
        raise InvalidRequest(f"'{_shown(text)}' is not a URL.", code="bad_url") from None
    if parts.scheme not in ("http", "https") or not parts.hostname or NOT_IN_URLS.search(text):
        raise InvalidRequest("Only complete http:// and https:// URLs can be downloaded.", code="bad_url")
    if not (hosts_agree and ports_agree and HOST.fullmatch(parts.hostname)):
        raise InvalidRequest(
            "The host in this URL is invalid. Copy the URL whole and try again.", code="bad_url"
        )
    return parts, host


def _secrets(pairs: list[str]) -> list[str]:
    expires = any(EXPIRY.fullmatch(_name(pair)) for pair in pairs)
    return [
        pair
        for pair in pairs
        if SECRET_WORDS.search(name := _name(pair))
        or (expires and (EXPIRY.fullmatch(name) or SIGNATURE_BESIDE_EXPIRY.fullmatch(name)))
    ]


def _basic(parts: SplitResult) -> str | None:
    if not (parts.username or parts.password):
        return None
    pair = f"{unquote(parts.username or '')}:{unquote(parts.password or '')}"
    return f"Basic {b64encode(pair.encode()).decode()}"


def _port(parts: SplitResult) -> int | None:
    standard = {"http": 80, "https": 443}.get(parts.scheme)
    return None if parts.port == standard else parts.port


def _shown(text: str) -> str:
    """Return the beginning of `text` for a message, without the query, which may contain a secret."""
    return text.partition("?")[0][:200].encode(errors="replace").decode()


def _name(pair: str) -> str:
    return unquote(pair.partition("=")[0]).lower()


def _token(pairs: list[str]) -> str | None:
    return next((unquote(pair.partition("=")[2]) for pair in pairs if _name(pair) == "token"), None)


def is_signed(url: str) -> bool:
    """Return whether a secret was removed from a stored URL, so that it cannot be requested as it is."""
    return url.endswith(SIGNED)


def origin(url: str) -> Origin:
    """Return scheme, host and port. A token belongs to one origin."""
    parts = urlsplit(url)
    return parts.scheme, parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)


def name_in(url: str) -> str | None:
    """Return the last part of the path if it looks like a file name."""
    name = unquote(PurePosixPath(urlsplit(url).path).name)
    return name if "." in name else None
