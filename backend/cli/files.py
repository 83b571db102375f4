"""Files that a command reads, sends and receives."""

import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import TYPE_CHECKING

from backend.cli.errors import CommandError
from backend.core.names import safe_name

if TYPE_CHECKING:
    from backend.cli.control_plane import ControlPlane

STANDARD_INPUT = "-"


def content_of(name: str) -> bytes:
    """Return the content of a file, or of standard input."""
    if name == STANDARD_INPUT:
        return sys.stdin.buffer.read()
    try:
        return Path(name).read_bytes()
    except OSError as error:
        raise CommandError(f"{name} cannot be read: {error.strerror}.") from None


def save(plane: "ControlPlane", folder: Path, name: str, content: AsyncIterator[bytes]) -> Path:
    """Write to a hidden file that gets its name, or a free one like it, when it is complete."""
    folder.mkdir(parents=True, exist_ok=True)
    name = safe_name(name) or "output"
    draft = folder / f".{name}.part"
    try:
        with draft.open("wb") as file:
            plane.run(_copied(content, file.write))
        return draft.rename(_free_name(folder / name))
    finally:
        draft.unlink(missing_ok=True)


async def _copied(content: AsyncIterator[bytes], write: Callable[[bytes], object]) -> None:
    async for chunk in content:
        write(chunk)


def _free_name(path: Path) -> Path:
    number, candidate = 2, path
    while candidate.exists():
        candidate = path.with_name(f"{path.stem}-{number}{path.suffix}")
        number += 1
    return candidate
