"""Sends messages as JSON to an HTTP server."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field

import httpx

from backend.core.errors import InvalidRequest
from backend.notifications.errors import DeliveryError
from backend.notifications.models import Channel, Message
from backend.sources.address_guard import AddressGuard
from backend.sources.client import guarded_client
from backend.sources.errors import PermanentError, TransferError

ADVICE = "To allow it, add it to DOWNLOAD_ALLOWED_HOSTS."
REASONS = {
    401: "It wants another token (401). Set it in Settings.",
    403: "It does not accept this token (403). Set another in Settings.",
    404: "Nothing is at this address (404). Correct it in Settings.",
    410: "It wants no more messages (410). Remove this channel.",
}


@dataclass(frozen=True, kw_only=True)
class WebhookSender:
    """Sends to public addresses, and to private ones of `allowed_hosts`."""

    allowed_hosts: Iterable[str] = field(default=())
    seconds: float = 15.0

    def check(self, url: str) -> None:
        """Raise InvalidRequest unless messages may be sent to the URL."""
        if not url.startswith(("http://", "https://")):
            raise InvalidRequest(
                "A webhook needs an address that begins with https:// or http://.", code="bad_channel"
            )
        try:
            self._guard.check_url(url)
        except PermanentError as error:
            private = error.code == "private_address"
            reason = f"This host has a private address. {ADVICE}" if private else error.message
            raise InvalidRequest(reason, code="bad_channel") from None

    async def send(self, channel: Channel, message: Message) -> None:
        """Send once. Do not follow redirects, and do not read the body of the response."""
        content = {
            "title": message.title,
            "body": message.body,
            "tone": message.tone,
            "events": [str(event) for event in message.events],
        }
        headers = {"Authorization": f"Bearer {channel.token}"} if channel.token else {}
        try:
            async with (
                asyncio.timeout(self.seconds),
                guarded_client(self._guard) as client,
                client.stream("POST", channel.url, json=content, headers=headers) as response,
            ):
                status = response.status_code
        except (TransferError, TimeoutError, httpx.HTTPError) as error:
            raise DeliveryError(self._reason(error)) from None
        if not 200 <= status < 300:
            raise DeliveryError(
                REASONS.get(status, f"The receiver answered with {status}."), is_final=status in REASONS
            )

    @property
    def _guard(self) -> AddressGuard:
        return AddressGuard((), self.allowed_hosts)

    def _reason(self, error: Exception) -> str:
        if isinstance(error, TransferError):
            return (
                f"This host has a private address. {ADVICE}"
                if error.code == "private_address"
                else error.message
            )
        if isinstance(error, TimeoutError):
            return f"The receiver did not answer within {self.seconds:g} s."
        return "The receiver cannot be reached."
