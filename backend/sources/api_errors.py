"""Translates errors of sources into errors of our own API, for requests that a user waits for."""

from collections.abc import Iterator
from contextlib import contextmanager

from backend.core.errors import InvalidRequest, UpstreamError
from backend.sources.errors import TransferError

# Errors that another URL would avoid.
WRONG_URL = frozenset({"bad_url", "private_address", "bad_redirect", "paste_again"})


@contextmanager
def as_api_errors() -> Iterator[None]:
    """Raise InvalidRequest or UpstreamError for a `TransferError`, with its code and its message."""
    try:
        yield
    except TransferError as error:
        kind = InvalidRequest if error.code in WRONG_URL else UpstreamError
        raise kind(error.message, code=error.code) from None
