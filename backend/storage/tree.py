"""The model folders as a tree of sizes, for a treemap."""

import heapq
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from backend.storage.index import Snapshot
from backend.storage.listing import path_of
from backend.storage.models import ModelFile

# The largest files have areas of their own, the others of a folder share one.
MOST_FILES = 300

Node = dict[str, Any]


def tree_of(snapshot: Snapshot, models: Path) -> Node:
    """Return nodes with `name` and either `children` or `bytes`. Hard links of one content count once."""
    unique = {(file.inode, file.bytes, file.mtime_ns): file for file in snapshot.files}
    files = [file for file in unique.values() if file.bytes]
    largest = set(heapq.nlargest(MOST_FILES, files, key=lambda file: file.bytes))
    by_folder: dict[str, list[ModelFile]] = defaultdict(list)
    for file in files:
        by_folder[file.folder.partition("/")[0]].append(file)
    folders = [_folder(name, found, largest, models) for name, found in sorted(by_folder.items())]
    return {"name": "", "children": folders}


def _folder(name: str, files: Iterable[ModelFile], largest: set[ModelFile], models: Path) -> Node:
    children: list[Node] = []
    others, rest = 0, 0
    for file in files:
        if file in largest:
            children.append({"name": file.filename, "path": path_of(file, models), "bytes": file.bytes})
        else:
            others, rest = others + 1, rest + file.bytes
    if others:
        children.append({"name": f"{others} smaller files", "bytes": rest})
    return {"name": name, "children": children}
