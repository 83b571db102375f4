#!/usr/bin/env python3
"""twin.py TREE TWIN: brings a hardlinked twin of a tree up to date.

Called in the RUN that changed the tree: hardlinks within one layer take no room. Only what that RUN added or
changed is linked, because linking a file of a lower layer would copy it up and double the image.
"""

import os
import sys
from pathlib import Path


def twin_of(path: Path, tree: Path, twin: Path) -> Path:
    return twin / path.relative_to(tree)


def is_same(path: Path, other: Path) -> bool:
    """Whether two names lead to the same content. Inode numbers do not tell across the layers of an overlay."""
    if not os.path.lexists(other):
        return False
    if path.is_symlink() or other.is_symlink():
        return path.is_symlink() and other.is_symlink() and path.readlink() == other.readlink()
    a, b = path.stat(), other.stat()
    return (a.st_size, a.st_mtime_ns) == (b.st_size, b.st_mtime_ns)


def link(path: Path, other: Path) -> None:
    other.unlink(missing_ok=True)
    if path.is_symlink():
        other.symlink_to(path.readlink())
    else:
        os.link(path, other)


def link_new_files(tree: Path, twin: Path) -> int:
    linked = 0
    for folder, folders, files in os.walk(tree):
        here = Path(folder)
        twin_of(here, tree, twin).mkdir(parents=True, exist_ok=True)
        links_to_folders = [name for name in folders if (here / name).is_symlink()]
        for name in files + links_to_folders:
            other = twin_of(here / name, tree, twin)
            if not is_same(here / name, other):
                link(here / name, other)
                linked += 1
    return linked


def drop_vanished_files(tree: Path, twin: Path) -> int:
    dropped = 0
    for folder, folders, files in os.walk(twin, topdown=False):
        here = Path(folder)
        for name in files + folders:
            if os.path.lexists(twin_of(here / name, twin, tree)):
                continue
            path = here / name
            path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()
            dropped += 1
    return dropped


def main() -> None:
    tree, twin = Path(sys.argv[1]), Path(sys.argv[2])
    linked = link_new_files(tree, twin)
    dropped = drop_vanished_files(tree, twin)
    print(f"twin {twin}: {linked} linked, {dropped} dropped")


if __name__ == "__main__":
    main()
