"""Files that a command reads and sends."""

import sys
from pathlib import Path

from backend.cli.errors import CommandError

STANDARD_INPUT = "-"


def content_of(name: str) -> bytes:
    """Return the content of a file, or of standard input."""
    if name == STANDARD_INPUT:
        return sys.stdin.buffer.read()
    try:
        return Path(name).read_bytes()
    except OSError as error:
        raise CommandError(f"{name} cannot be read: {error.strerror}.") from None
