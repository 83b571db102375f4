"""Where the outputs of an attempt are until all of them are complete. Only then do they get their names.

    .staging/ATTEMPT/RANDOM         an output while it is downloaded
    .staging/ATTEMPT/manifest.json  every output is complete; says what becomes of each file

A process that is killed before it has written the manifest leaves nothing that has a name. Killed after that, the next
worker gives the files their names without asking ComfyUI, which may have forgotten the prompt.
"""

import json
import secrets
import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from backend.core.files import rename_without_clobbering, write_atomically
from backend.jobs.models import Output

FOLDER = ".staging"
MANIFEST = "manifest.json"
SIDECAR = ".job.json"


@dataclass(frozen=True, kw_only=True)
class StagedFile:
    """A complete output that has no name yet."""

    path: Path
    # With the dot; distinguishes the outputs of an attempt where there are several: `-1.png`, `-2.png`.
    suffix: str
    node_id: str
    bytes: int
    sha256: str
    reused: bool


@dataclass(frozen=True, kw_only=True)
class Move:
    """A file in the staging folder, and its path below the output folder."""

    staged: str
    target: str


@dataclass(frozen=True, kw_only=True)
class Manifest:
    # The sidecar first: its name reserves the names of the outputs.
    moves: tuple[Move, ...]
    outputs: tuple[Output, ...]


MANIFESTS = TypeAdapter(Manifest)


class Staging:
    """The outputs of one attempt, below the folder of all outputs. Blocks for disk accesses."""

    def __init__(self, outputs: Path, attempt_id: str):
        self._outputs = outputs
        self._folder = outputs / FOLDER / attempt_id

    def new_file(self) -> Path:
        """Return the path of a file to be written, a different one each time."""
        self._folder.mkdir(parents=True, exist_ok=True)
        return self._folder / secrets.token_hex(8)

    def commit(self, outputs: Iterable[tuple[StagedFile, Output]], stem: Path, sidecar: Any) -> Manifest:
        """Write down that every file is complete and what it will be called. After this a crash loses nothing."""
        described = list(outputs)
        staged_sidecar = self.new_file()
        write_atomically(staged_sidecar, json.dumps(sidecar, indent=2, default=str).encode())
        target = stem.with_name(stem.name + SIDECAR).relative_to(self._outputs).as_posix()
        manifest = Manifest(
            moves=(
                Move(staged=staged_sidecar.name, target=target),
                *(Move(staged=file.path.name, target=output.path) for file, output in described),
            ),
            outputs=tuple(output for _, output in described),
        )
        write_atomically(self._folder / MANIFEST, MANIFESTS.dump_json(manifest))
        return manifest

    def place(self, manifest: Manifest) -> bool:
        """Give the files their names; can be repeated after a crash. Return False when another sidecar has the name."""
        sidecar, *files = manifest.moves
        try:
            self._place(sidecar)
        except FileExistsError:
            return False
        for move in files:
            self._place(move)
        return True

    def _place(self, move: Move) -> None:
        staged, target = self._folder / move.staged, self._outputs / move.target
        if not staged.exists():  # placed before a crash
            return
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            rename_without_clobbering(staged, target)
        except FileExistsError:
            if not staged.samefile(target):
                raise
            staged.unlink()  # linked, and not yet removed from here, when the process was killed

    def manifest(self) -> Manifest | None:
        """Return what an earlier process has committed; None when it was killed before that."""
        try:
            return MANIFESTS.validate_json((self._folder / MANIFEST).read_bytes())
        except (FileNotFoundError, ValidationError):
            return None

    def discard(self) -> None:
        """Delete what has not got a name."""
        shutil.rmtree(self._folder, ignore_errors=True)


def staged_attempts(outputs: Path) -> list[str]:
    """Return the attempts whose staging folders exist."""
    folder = outputs / FOLDER
    return [path.name for path in folder.iterdir()] if folder.is_dir() else []


def free_stem(stem: Path, suffixes: Iterable[str]) -> Path:
    """Return `stem`, or `stem (2)`, `stem (3)`, …: one that no file with these suffixes has, nor a sidecar.

    Thousands of jobs may have the same name, so the search doubles its steps and then halves the gap.
    """
    endings = [SIDECAR, *suffixes]

    def is_taken(number: int) -> bool:
        candidate = _numbered(stem, number)
        return any(candidate.with_name(candidate.name + ending).exists() for ending in endings)

    return _numbered(stem, _first_free(is_taken))


def _first_free(is_taken: Callable[[int], bool]) -> int:
    """Return a number from 1 that is not taken: the lowest where the taken ones have no gaps."""
    high = 1
    while is_taken(high):
        high *= 2
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if is_taken(middle) else (low, middle)
    return high


def _numbered(stem: Path, number: int) -> Path:
    return stem if number == 1 else stem.with_name(f"{stem.name} ({number})")
