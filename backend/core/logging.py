"""Structured logging: one line per event, as JSON for machines or in colour for people."""

import logging
import sys
from typing import Literal, TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

Format = Literal["auto", "json", "console"]


def configure_logging(level: str, log_format: Format, stream: TextIO | None = None) -> None:
    """Write our events and those of the standard library to `stream`, stdout by default, in one format."""
    stream = stream or sys.stdout
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _plain_logger_name,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                *_renderers(log_format, stream),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level.upper())
    logging.getLogger("uvicorn.error").addFilter(_is_no_refused_handshake)
    _quieten(
        "httpx",
        "httpx2",
        "httpcore",
        "httpcore2",
        "mcp",
        "aiosqlite",
        "websockets",
        "uvicorn.access",
        "asyncio",
    )


def _renderers(log_format: Format, stream: TextIO) -> list[Processor]:
    if log_format == "console" or (log_format == "auto" and stream.isatty()):
        # The default formatter shows the values of local variables, which may be tokens.
        return [structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)]
    return [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]


def _plain_logger_name(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Rename uvicorn's general logger, `uvicorn.error`, which makes every line look like an error."""
    if event.get("logger") == "uvicorn.error":
        event["logger"] = "uvicorn"
    return event


def _is_no_refused_handshake(record: logging.LogRecord) -> bool:
    """Return False for the error that uvicorn logs when a WebSocket is refused with a response, which ASGI allows."""
    return record.msg != "ASGI callable returned without completing handshake."


def _quieten(*names: str) -> None:
    """Log only warnings of these libraries: some log each request with its full URL, and a signed URL is a secret."""
    for name in names:
        logging.getLogger(name).setLevel(logging.WARNING)
