"""ComfyUI's output folder. A path in a request cannot leave it."""

import os
import stat
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path, PurePosixPath

from backend.core.errors import NotFound
from backend.outputs.kinds import Kind, kind_of


@dataclass(frozen=True, kw_only=True)
class OutputFile:
    """An output file, as found on disk."""

    # Below the output folder: `jobs/portrait/cat-1.png`.
    path: str
    real_path: Path
    bytes: int
    mtime_ns: int

    @property
    def name(self) -> str:
        return self.real_path.name

    @property
    def modified_at(self) -> datetime:
        return datetime.fromtimestamp(self.mtime_ns / 1e9).astimezone()

    @property
    def kind(self) -> Kind:
        return kind_of(self.path)


class OutputFolder:
    def __init__(self, folder: Path):
        self.path = folder

    def find(self, path: str) -> OutputFile:
        """Return the file at `path`. Raise NotFound for a missing or hidden one. Blocks for disk accesses."""
        parts = PurePosixPath(path).parts
        if not parts or "\0" in path or any(part == ".." or part.startswith((".", "/")) for part in parts):
            raise _not_found(path)
        folder = os.path.realpath(self.path)
        real_path = os.path.realpath(self.path.joinpath(*parts))
        try:
            status = os.stat(real_path)  # noqa: PTH116 - beside realpath, which never raises
        except (OSError, ValueError):
            raise _not_found(path) from None
        if not real_path.startswith(f"{folder}/") or not stat.S_ISREG(status.st_mode):
            raise _not_found(path)
        return OutputFile(
            path="/".join(parts), real_path=Path(real_path), bytes=status.st_size, mtime_ns=status.st_mtime_ns
        )


def _not_found(path: str) -> NotFound:
    return NotFound(f"There is no output {path[:300]}. It was deleted, moved or renamed.", path=path[:300])
