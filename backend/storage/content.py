"""Reading whole files: their hash, and a second name for the same content."""

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

from backend.core.files import sync_folder

CHUNK = 2**23


def sha256_of(path: Path, tell: Callable[[int], None]) -> str:
    """`tell` hears again and again how many bytes were read."""
    digest = hashlib.sha256()
    buffer = memoryview(bytearray(CHUNK))
    with path.open("rb", buffering=0) as file:
        while read := file.readinto(buffer):
            digest.update(buffer[:read])
            tell(file.tell())
    return digest.hexdigest()


def give_second_name(source: Path, target: Path) -> bool:
    """A hard link: the same content twice for the room of once. False where the file systems cannot.

    Of the file itself where `source` is a symbolic link, which would lead nowhere from another folder.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(source.resolve(), target)
    except FileExistsError:
        raise
    except OSError:
        return False
    sync_folder(target.parent)
    return True
