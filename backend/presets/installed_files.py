"""Compare the files of presets with the model files on this pod, without reading any of them."""

from collections.abc import Iterable
from dataclasses import dataclass

from backend.core.formatting import format_bytes
from backend.presets.models import Preset, PresetFile
from backend.storage.models import ModelFile
from backend.storage.service import Storage


@dataclass(frozen=True)
class InstalledFiles:
    """The model files of this pod by path, and the hashes that are known."""

    files: dict[str, ModelFile]
    hashes: dict[ModelFile, str]
    # Paths of the files that a user keeps, whatever content a preset names for them.
    kept: frozenset[str]

    def has(self, file: PresetFile) -> bool:
        """Return whether the file, or one kept instead, is installed, as far as size and hash are known."""
        return file.place in self.files and self.other(file) is None

    def has_all(self, files: Iterable[PresetFile]) -> bool:
        return all(map(self.has, files))

    def other(self, file: PresetFile) -> ModelFile | None:
        """Return a different file of the same name that the user has not decided to keep."""
        found = self.files.get(file.place)
        if found is None or self.is_verified(file) or file.place in self.kept:
            return None
        known = self.hashes.get(found)
        same_size = file.bytes in (None, found.bytes)
        same_hash = None in (file.sha256, known) or file.sha256 == known
        return None if same_size and same_hash else found

    def is_kept(self, file: PresetFile) -> bool:
        """Return whether the user keeps a file of their own under this name."""
        return file.place in self.kept and not self.is_verified(file)

    def is_verified(self, file: PresetFile) -> bool:
        """Return whether the content had the expected hash and has not changed since."""
        found = self.files.get(file.place)
        return found is not None and file.sha256 is not None and self.hashes.get(found) == file.sha256


def needed_elsewhere(
    preset: Preset, sharing: Iterable[Preset], installed: InstalledFiles, downloading: set[str]
) -> set[str]:
    """Return the paths of files that other presets use. `sharing` are those that have a file in common with this one.

    A preset uses its files when all of them are installed, or when a file that only it needs is installed or downloading.
    """
    ours = {file.place for file in preset.files}

    def is_in_use(other: Preset) -> bool:
        theirs = [file for file in other.files if file.place not in ours]
        return installed.has_all(other.files) or any(
            installed.has(file) or file.place in downloading for file in theirs
        )

    return {file.place for other in sharing if is_in_use(other) for file in other.files}


def differs(file: PresetFile, found: int) -> str:
    """Return how a file of `found` bytes differs: `7 B instead of 4.3 GB`."""
    if file.bytes in (None, found):
        return "the same size, different content"
    return f"{format_bytes(found)} instead of {format_bytes(file.bytes)}"


async def installed_files_of(storage: Storage, files: Iterable[PresetFile] | None = None) -> InstalledFiles:
    """Return the model files of this pod, or only those with the paths of `files`, which costs less."""
    by_place = (await storage.snapshot()).by_place
    if files is not None:
        by_place = {file.place: by_place[file.place] for file in files if file.place in by_place}
    hashes = await storage.known_hashes(by_place.values())
    return InstalledFiles(by_place, hashes, storage.kept_among(by_place))
