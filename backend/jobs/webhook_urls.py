"""Which URLs webhooks may be sent to. Pure functions."""

from collections.abc import Iterable

from backend.core.errors import InvalidRequest
from backend.sources.address_guard import AddressGuard
from backend.sources.errors import PermanentError

ADVICE = "To allow it, add it to `webhook_allowed_hosts` in the settings of the queue."


def check_webhook(url: str, allowed_hosts: Iterable[str]) -> None:
    """Raise InvalidRequest unless the URL is http(s) and its host is public or allowed. Names are checked when they resolve."""
    if not url.startswith(("http://", "https://")):
        raise InvalidRequest(
            "A webhook needs a URL that begins with https:// or http://.", code="bad_webhook"
        )
    try:
        AddressGuard((), allowed_hosts).check_url(url)
    except PermanentError as error:
        private = error.code == "private_address"
        reason = f"The webhook's host is a private address. {ADVICE}" if private else error.message
        raise InvalidRequest(reason, code="bad_webhook") from None
