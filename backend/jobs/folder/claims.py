"""Keeps two pods that share a volume from running the same job file.

A claim is a file beside it with the name of the pod. It is valid as long as the journal of that pod is on the volume.
When the pod is gone, another one takes over its journal and its jobs.
"""

import time
from contextlib import suppress
from pathlib import Path

# A pod that has just made a claim may not have a journal yet.
NEW_SECONDS = 300.0


class Claims:
    def __init__(self, journal: Path):
        """`journal` is the one of this pod, beside those of the others."""
        self._journal = journal

    def take(self, file: Path) -> bool:
        """Return whether this pod may run the file."""
        claim = _claim_of(file)
        for _ in range(2):
            with suppress(FileExistsError):
                with claim.open("x") as content:
                    content.write(self._journal.name)
                return True
            if not self._is_void(claim):
                return self._is_ours(claim)
            claim.unlink(missing_ok=True)
        return False

    def release(self, file: Path) -> None:
        _claim_of(file).unlink(missing_ok=True)

    def _is_ours(self, claim: Path) -> bool:
        with suppress(OSError):
            return claim.read_text() == self._journal.name
        return False

    def _is_void(self, claim: Path) -> bool:
        with suppress(OSError):
            owner = claim.read_text()
            is_new = abs(time.time() - claim.stat().st_mtime) < NEW_SECONDS
            is_alive = owner == self._journal.name or (self._journal.parent / owner).is_file()
            return not is_new and not is_alive
        return False


def _claim_of(file: Path) -> Path:
    return file.with_name(f".{file.name}.claim")
