"""Save small files with the user's settings and presets."""

from pathlib import Path

from backend.core.errors import Unavailable
from backend.core.files import write_atomically


def save_persistently(path: Path, content: bytes, mode: int = 0o644) -> None:
    """Replace `path` with `content`, or raise Unavailable and leave the old file. Blocks while it writes."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, content, mode)
    except OSError as error:
        raise Unavailable(f"This cannot be saved on the volume: {error.strerror}.") from error
