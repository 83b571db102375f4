"""Which model files are unused, duplicated, wrong or unverified."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from backend.storage.index import Snapshot
from backend.storage.listing import Details
from backend.storage.models import ModelFile, difference

Kind = Literal["unused", "duplicate", "wrong", "unverified"]
KINDS: tuple[Kind, ...] = ("unused", "duplicate", "wrong", "unverified")


@dataclass(frozen=True, eq=False)
class Classification:
    """The files of each kind at one moment. A file may be of several kinds."""

    files: Mapping[Kind, frozenset[ModelFile]]

    def has(self, kind: Kind, file: ModelFile) -> bool:
        return file in self.files[kind]

    def counts(self) -> dict[Kind, int]:
        return {kind: len(self.files[kind]) for kind in KINDS}


def classify(snapshot: Snapshot, details: Details) -> Classification:
    """Return the files of each kind, as far as hashes are known. Slow for thousands of files."""
    files = snapshot.files
    return Classification(
        {
            "unused": frozenset(file for file in files if not details.uses.get(file.place)),
            "duplicate": frozenset(_duplicates(files, details.hashes)),
            "wrong": frozenset(file for file in files if is_wrong(file, details)),
            "unverified": frozenset(file for file in files if file not in details.hashes),
        }
    )


def is_wrong(file: ModelFile, details: Details) -> bool:
    if file.place in details.kept:
        return False
    return difference(file, details.hashes.get(file), details.uses.get(file.place, [])) is not None


def _duplicates(files: Sequence[ModelFile], hashes: Mapping[ModelFile, str]) -> list[ModelFile]:
    """Return the files whose content is on disk more than once: hard links of one file are no duplicates."""
    copies = Counter(sha256 for sha256, _ in {(hashes[file], file.inode) for file in files if file in hashes})
    return [file for file in files if file in hashes and copies[hashes[file]] > 1]
