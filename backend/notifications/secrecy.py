"""The secret parts of a channel, and the part of its address that may be shown. Pure."""

import re
from collections.abc import Iterable
from urllib.parse import urlsplit

from backend.notifications.models import Channel

MASK = "•••"
# Masking shorter parts would mask ordinary words.
SHORTEST = 8
SEPARATORS = re.compile(r"[/@?&=#,:]+")
HOST = re.compile(r"[a-z0-9-]+(\.[a-z0-9-]+)+|\d+|localhost", re.IGNORECASE)


def secrets_of(channel: Channel) -> set[str]:
    """Return the secrets, which only the file of the channels may contain."""
    scheme, _, rest = channel.url.partition("://")
    whole = {rest, channel.url, channel.token} if rest else {channel.token}
    parts = {part for part in SEPARATORS.split(rest) if not HOST.fullmatch(part)}
    return {secret for secret in whole | parts if len(secret) >= SHORTEST and secret != scheme}


def without_secrets(text: str, secrets: Iterable[str]) -> str:
    for secret in sorted(secrets, key=len, reverse=True):
        text = text.replace(secret, MASK)
    return text


def host_of(url: str) -> str:
    """Return the host of a webhook, which is no secret."""
    return urlsplit(url).hostname or "?"
