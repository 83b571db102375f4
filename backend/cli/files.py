"""Files that a command reads and sends on."""

import sys
from pathlib import Path

from backend.cli.errors import CommandError

# How a shell names what comes through its pipe.
STANDARD_INPUT = "-"


def content_of(name: str) -> bytes:
    """What is in the file, or in the pipe."""
    if name == STANDARD_INPUT:
        return sys.stdin.buffer.read()
    try:
        return Path(name).read_bytes()
    except OSError as error:
        raise CommandError(f"{name} cannot be read: {error.strerror}.") from None
