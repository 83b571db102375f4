"""Small files that hold what people have chosen or made on this pod."""

from pathlib import Path

from backend.core.errors import Unavailable
from backend.core.files import write_atomically


def keep(path: Path, content: bytes, mode: int = 0o644) -> None:
    """Write `content` whole, or raise Unavailable with the reason and leave what was there. Blocks for disk accesses."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, content, mode)
    except OSError as error:
        raise Unavailable(f"This cannot be saved on the volume: {error.strerror}.") from error
