#!/usr/bin/env python3
"""hardlink_copy.py TREE COPY: bring a hardlinked copy of a tree up to date.

The RUN that changes the tree calls it: hard links within one layer take no space. It links only the files that this RUN
added or changed, because linking a file of a lower layer would copy it up and double the image.
"""

import os
import sys
from pathlib import Path


def main() -> None:
    tree, copy = Path(sys.argv[1]), Path(sys.argv[2])
    linked = link_new_files(tree, copy)
    removed = remove_vanished_files(tree, copy)
    print(f"{copy}: {linked} linked, {removed} removed")


def link_new_files(tree: Path, copy: Path) -> int:
    linked = 0
    for folder, folders, files in os.walk(tree):
        here = Path(folder)
        there = copy / here.relative_to(tree)
        there.mkdir(parents=True, exist_ok=True)
        links_to_folders = [name for name in folders if (here / name).is_symlink()]
        for name in files + links_to_folders:
            if not is_same(here / name, there / name):
                link(here / name, there / name)
                linked += 1
    return linked


def remove_vanished_files(tree: Path, copy: Path) -> int:
    removed = 0
    for folder, folders, files in os.walk(copy, topdown=False):
        here = Path(folder)
        for name in files + folders:
            if os.path.lexists(tree / here.relative_to(copy) / name):
                continue
            path = here / name
            path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()
            removed += 1
    return removed


def is_same(path: Path, other: Path) -> bool:
    """Return whether both names lead to the same content. Inode numbers differ between the layers of an overlay."""
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


if __name__ == "__main__":
    main()
