"""Read a service's rotating log files, as supervisord writes them: NAME.log, and the older NAME.log.1, .2 …"""

import os
import re
from collections.abc import Callable, Iterable
from contextlib import closing, suppress
from pathlib import Path
from typing import BinaryIO

# How far back a log is shown, and how much is read in one step.
TAIL_BYTES = 2**20
STEP_BYTES = 2**18
MAX_LINE_LENGTH = 4000
MAX_ROTATED_FILES = 9
MASK = "•••"
MIN_SECRET_LENGTH = 8
# Terminal colours, cursor movements and titles. No part matches beyond the next escape character, so unterminated
# sequences take linear time.
ANSI = re.compile(r"\x1b(\[[0-9;?]*[ -/]*[@-~]|\][^\x07\x1b\n]*(?:\x07|\x1b\\)|[@-Z\\-_])")


def generations(path: Path) -> list[Path]:
    """Return the files of one log, oldest first."""
    older = [path.with_name(f"{path.name}.{number}") for number in range(MAX_ROTATED_FILES, 0, -1)]
    return [file for file in (*older, path) if file.is_file()]


def read_tail(path: Path, clean: Callable[[str], str], count: int) -> list[str]:
    """Return the last `count` lines within the last `TAIL_BYTES`; none before the service has written any."""
    with closing(LogReader(path)) as reader:
        return lines_of(reader.read_history(), clean)[-count:]


def lines_of(content: bytes, clean: Callable[[str], str]) -> list[str]:
    """Return lines as a terminal shows them: only the last state of a progress bar."""
    text = clean(content.decode(errors="replace"))
    return (
        [_last_state(line)[:MAX_LINE_LENGTH] for line in text.removesuffix("\n").split("\n")] if text else []
    )


def _last_state(line: str) -> str:
    return line.rstrip("\r").rpartition("\r")[2]


def cleaner(secrets: Iterable[str]) -> Callable[[str], str]:
    """Return a function that removes terminal sequences and masks secrets. Short secrets would match ordinary words."""
    long_enough = (secret for secret in secrets if len(secret) >= MIN_SECRET_LENGTH)
    hidden = sorted(long_enough, key=len, reverse=True)  # one may be a prefix of another

    def clean(text: str) -> str:
        text = ANSI.sub("", text)
        for secret in hidden:
            text = text.replace(secret, MASK)
        return text

    return clean


class LogReader:
    """Reads a log from `TAIL_BYTES` before its end and across rotations, without missing or repeating a byte."""

    def __init__(self, path: Path):
        self._path = path
        self._file = self._open_tail()

    def read_history(self) -> bytes:
        """Return everything written so far, up to a limit: a service may write faster than this reads."""
        steps: list[bytes] = []
        while len(steps) * STEP_BYTES < 2 * TAIL_BYTES and (step := self.read()):
            steps.append(step)
        return b"".join(steps)

    def read(self) -> bytes:
        """Return the next bytes, at most `STEP_BYTES`; empty when there are none yet."""
        if self._file is None:
            self._file = _opened(self._path)
        while self._file:
            # Looked up before reading, because a file that has been rotated is no longer written to.
            following = self._next_generation(self._file)
            new = self._file.read(STEP_BYTES)
            if new or following is None:
                return new
            newer = _opened(following)
            if self._next_generation(self._file) != following:
                # Rotated again while it was opened, so the name now refers to another file.
                _close(newer)
                continue
            self._file.close()
            self._file = newer
        return b""

    def close(self) -> None:
        _close(self._file)
        self._file = None

    def _open_tail(self) -> BinaryIO | None:
        file, back = None, TAIL_BYTES
        for older in filter(None, map(_opened, reversed(generations(self._path)))):
            _close(file)
            file = older
            back -= os.fstat(file.fileno()).st_size
            if back <= 0:
                break
        if file and back < 0:
            file.seek(-back)
            file.readline()  # skip the rest of a line whose beginning is not shown
        return file

    def _next_generation(self, file: BinaryIO) -> Path | None:
        """Return the file that follows `file`, once that has been rotated."""
        files = generations(self._path)
        ours = os.fstat(file.fileno())
        for number, candidate in enumerate(files[:-1]):
            if _is_same(candidate, ours):
                return files[number + 1]
        has_been_deleted = ours.st_nlink == 0
        return files[0] if files and has_been_deleted else None


def _opened(path: Path) -> BinaryIO | None:
    with suppress(FileNotFoundError):
        return path.open("rb")
    return None


def _close(file: BinaryIO | None) -> None:
    if file:
        file.close()


def _is_same(path: Path, other: os.stat_result) -> bool:
    try:
        found = path.stat()
    except FileNotFoundError:
        return False
    return (found.st_dev, found.st_ino) == (other.st_dev, other.st_ino)
