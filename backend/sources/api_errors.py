"""When somebody waits for an answer: what a source refused, as an error of our own API."""

from collections.abc import Iterator
from contextlib import contextmanager

from backend.core.errors import InvalidRequest, UpstreamError
from backend.sources.errors import TransferError

# What another address would mend.
WRONG_ADDRESS = frozenset({"bad_url", "private_address", "bad_redirect", "paste_again"})


@contextmanager
def as_api_errors() -> Iterator[None]:
    """InvalidRequest or UpstreamError instead of a `TransferError`, with its code and its sentence."""
    try:
        yield
    except TransferError as fault:
        kind = InvalidRequest if fault.code in WRONG_ADDRESS else UpstreamError
        raise kind(fault.message, code=fault.code) from None
