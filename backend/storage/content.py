"""Reading whole files: their hash, and a second name for the same content."""

import contextlib
import hashlib
import os
from collections.abc import Callable
from itertools import count
from pathlib import Path

from backend.core.files import rename_without_clobbering, sync_folder

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
    """Make a hard link: a second name that takes no more disk space. False where the file systems cannot.

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


def give_another_name(path: Path) -> Path:
    """`a.safetensors` → `a.aside-1.safetensors`, or the next number that is free. The new path."""
    for number in count(1):
        target = path.with_name(f"{path.stem}.aside-{number}{path.suffix}")
        with contextlib.suppress(FileExistsError):
            rename_without_clobbering(path, target)
            return target
    raise AssertionError("numbers do not end")
