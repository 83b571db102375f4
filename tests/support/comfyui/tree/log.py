"""Keeps the last lines that were printed, for `/internal/logs`."""

import sys
from collections import deque
from collections.abc import Callable
from datetime import datetime
from typing import Any, TextIO

entries: deque[dict[str, str]] = deque(maxlen=300)
_readers: list[Callable[[dict[str, str]], None]] = []


class Recorder:
    """A stream that also records what is written to it."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        entry = {"t": datetime.now().isoformat(), "m": text}
        entries.append(entry)
        for reader in _readers:
            reader(entry)
        return self._stream.write(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def on_write(reader: Callable[[dict[str, str]], None]) -> None:
    _readers.append(reader)


def record() -> None:
    sys.stdout.reconfigure(line_buffering=True)
    sys.stdout, sys.stderr = Recorder(sys.stdout), Recorder(sys.stderr)
