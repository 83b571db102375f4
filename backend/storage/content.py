"""Hash files, and give their content other names."""

import contextlib
import hashlib
import os
from collections.abc import Callable
from itertools import count
from pathlib import Path

from backend.core.files import rename_without_clobbering, sync_folder

CHUNK = 2**23


def sha256_of(path: Path, report: Callable[[int], None]) -> str:
    """Return the hash of a file. Call `report` repeatedly with the number of bytes read so far."""
    digest = hashlib.sha256()
    buffer = memoryview(bytearray(CHUNK))
    with path.open("rb", buffering=0) as file:
        while read := file.readinto(buffer):
            digest.update(buffer[:read])
            report(file.tell())
    return digest.hexdigest()


def give_second_name(source: Path, target: Path) -> bool:
    """Create a hard link, which takes no disk space. Return False when the file systems do not support it.

    If `source` is a symbolic link, link the file it points to: a relative link would break in another folder.
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
    """Rename `a.safetensors` to `a.aside-1.safetensors`, or to the next free number. Return the new path."""
    for number in count(1):
        target = path.with_name(f"{path.stem}.aside-{number}{path.suffix}")
        with contextlib.suppress(FileExistsError):
            rename_without_clobbering(path, target)
            return target
    raise AssertionError("unreachable: count() is endless")
