"""The errors of HTTP libraries, translated in one place."""

from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import structlog

from backend.sources.errors import PermanentError, TemporaryError

log = structlog.get_logger(__name__)


@contextmanager
def http_errors() -> Iterator[None]:
    """Translate every error of httpx and of the network into a `TransferError`."""
    try:
        yield
    except TimeoutError:
        raise TemporaryError("no_answer", "The server does not answer.") from None
    except (httpx.InvalidURL, UnicodeError):
        raise PermanentError(
            "bad_url", "This URL cannot be requested. Copy it whole and try again."
        ) from None
    except httpx.RemoteProtocolError as error:
        log.info("a server sent an invalid response", reason=str(error)[:200])
        raise TemporaryError("invalid_response", "The server sent an invalid HTTP response.") from None
    except (httpx.HTTPError, OSError, EOFError, ValueError) as error:
        log.info("a connection failed", kind=type(error).__name__, reason=str(error)[:200])
        raise TemporaryError(
            "connection_lost", "The connection failed. Is the server reachable from this pod?"
        ) from None
