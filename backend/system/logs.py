"""Reads the rotating files that supervisord keeps of what a service writes: NAME.log, and the older NAME.log.1, .2 …"""

import os
import re
from collections.abc import Callable, Iterable
from contextlib import closing, suppress
from pathlib import Path
from typing import BinaryIO

# How far back a look reaches, and how much is taken in one step of following.
TAIL_BYTES = 2**20
STEP_BYTES = 2**18
LONGEST_LINE = 4000
OLDER_FILES = 9
MASK = "•••"
SHORTEST_SECRET = 8
# Colours, cursor movements and titles for terminals. No part reaches beyond the next escape character, so sequences
# that never end take linear time.
ANSI = re.compile(r"\x1b(\[[0-9;?]*[ -/]*[@-~]|\][^\x07\x1b\n]*(?:\x07|\x1b\\)|[@-Z\\-_])")


def generations(path: Path) -> list[Path]:
    """The files of one log, oldest first."""
    older = [path.with_name(f"{path.name}.{number}") for number in range(OLDER_FILES, 0, -1)]
    return [file for file in (*older, path) if file.is_file()]


def read_tail(path: Path, clean: Callable[[str], str], count: int) -> list[str]:
    """The last `count` lines, at most `TAIL_BYTES`. Empty where nothing was written yet."""
    with closing(LogReader(path)) as reader:
        return lines_of(reader.read_history(), clean)[-count:]


def lines_of(content: bytes, clean: Callable[[str], str]) -> list[str]:
    """Lines as a terminal would have left them: of a progress bar only its last state."""
    text = clean(content.decode(errors="replace"))
    return [_last_state(line)[:LONGEST_LINE] for line in text.removesuffix("\n").split("\n")] if text else []


def _last_state(line: str) -> str:
    return line.rstrip("\r").rpartition("\r")[2]


def cleaner(secrets: Iterable[str]) -> Callable[[str], str]:
    """Takes colours away and masks secrets, but for short ones: they would be found in ordinary words."""
    long_enough = (secret for secret in secrets if len(secret) >= SHORTEST_SECRET)
    hidden = sorted(long_enough, key=len, reverse=True)  # one may be the beginning of another

    def clean(text: str) -> str:
        text = ANSI.sub("", text)
        for secret in hidden:
            text = text.replace(secret, MASK)
        return text

    return clean


class LogReader:
    """Reads a log from `TAIL_BYTES` before its end and goes on across rotations: no byte is missed or repeated."""

    def __init__(self, path: Path):
        self._path = path
        self._file = self._open_in_the_past()

    def read_history(self) -> bytes:
        """Everything up to now; a service that writes faster than we read is cut off."""
        steps: list[bytes] = []
        while len(steps) * STEP_BYTES < 2 * TAIL_BYTES and (step := self.read()):
            steps.append(step)
        return b"".join(steps)

    def read(self) -> bytes:
        """What comes next, at most `STEP_BYTES`; empty when there is nothing new."""
        if self._file is None:
            self._file = _opened(self._path)
        while self._file:
            # Looked up before reading: a file that has been rotated away by then gets no more.
            following = self._next_generation(self._file)
            new = self._file.read(STEP_BYTES)
            if new or following is None:
                return new
            newer = _opened(following)
            if self._next_generation(self._file) != following:
                # Rotated again while we opened it, so that name has come to mean another file.
                _close(newer)
                continue
            self._file.close()
            self._file = newer
        return b""

    def close(self) -> None:
        _close(self._file)
        self._file = None

    def _open_in_the_past(self) -> BinaryIO | None:
        file, back = None, TAIL_BYTES
        for older in filter(None, map(_opened, reversed(generations(self._path)))):
            _close(file)
            file = older
            back -= os.fstat(file.fileno()).st_size
            if back <= 0:
                break
        if file and back < 0:
            file.seek(-back)
            file.readline()  # the rest of a line whose beginning is not shown
        return file

    def _next_generation(self, file: BinaryIO) -> Path | None:
        """The file that came after the one we read, once that has been rotated away."""
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
