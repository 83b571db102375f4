"""Write files so that a crash leaves the complete old file or the complete new one."""

import os
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path


def write_atomically(path: Path, content: bytes, mode: int = 0o644, draft: Path | None = None) -> None:
    """Replace `path` with `content`. Readers never see a part of it, even when several processes write at once.

    A process that is killed while it writes leaves a temporary file behind. Where there is only one writer, pass a
    fixed `draft`: the next call then removes it.
    """
    temporary = draft or path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    temporary.unlink(missing_ok=True)  # never write through a symbolic link of that name
    try:
        with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:  # noqa: PTH123 - Path.open takes no mode
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def write_all(descriptor: int, chunks: Sequence[bytes], offset: int) -> None:
    """Write every byte of `chunks` at `offset`."""
    written = os.pwritev(descriptor, chunks, offset)
    if written < sum(map(len, chunks)):  # an interrupted write, or the last bytes of a full disk
        rest = memoryview(b"".join(chunks))
        while written < len(rest):
            written += os.pwrite(descriptor, rest[written:], offset + written)


@contextmanager
def open_directory(path: str) -> Iterator[int]:
    """Open a directory, so that a name can be removed from it whatever becomes of its path."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def sync_folder(folder: Path) -> None:
    """Make a rename in `folder` survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def rename_without_clobbering(source: Path, target: Path) -> None:
    """Give `source` the name `target`, or raise FileExistsError when that name is taken.

    A hard link refuses an existing name atomically. File systems without hard links (exFAT, some
    network mounts) get a check and a rename, which is the best they offer.
    """
    try:
        os.link(source, target)
    except FileExistsError:
        raise
    except OSError:
        if target.exists():
            raise FileExistsError(f"{target.name} exists already") from None
        source.rename(target)
    else:
        source.unlink()
    sync_folder(target.parent)
