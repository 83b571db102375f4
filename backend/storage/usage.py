"""How much room each model folder of the workspace takes, files that are still arriving included."""

import os
from collections.abc import Iterator
from pathlib import Path

from backend.storage.models import FolderUsage


def usage_by_folder(models: Path) -> Iterator[FolderUsage]:
    if not models.is_dir():
        return
    for folder in sorted(entry for entry in models.iterdir() if entry.is_dir()):
        sizes = list(_file_sizes(folder))
        if sizes:
            yield FolderUsage(name=folder.name, files=len(sizes), bytes=sum(sizes))


def _file_sizes(folder: Path) -> Iterator[int]:
    for parent, _, names in os.walk(folder):
        for name in names:
            try:
                status = Path(parent, name).stat()
            except OSError:  # vanished, or a broken link
                continue
            if status.st_size > 0 and not name.startswith("put_"):
                yield status.st_size
