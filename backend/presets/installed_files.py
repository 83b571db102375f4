"""What is true of a preset's files on this pod: asked of the disk each time, and no file is read for it."""

from collections.abc import Iterable
from dataclasses import dataclass

from backend.core.formatting import format_bytes
from backend.presets.models import Preset, PresetFile
from backend.storage.models import ModelFile
from backend.storage.service import Storage


@dataclass(frozen=True)
class InstalledFiles:
    """The model files of this pod by place, and those hashes that are known without reading."""

    files: dict[str, ModelFile]
    hashes: dict[ModelFile, str]

    def has(self, file: PresetFile) -> bool:
        """Whether it is here, as far as anybody knows."""
        return file.place in self.files and self.other(file) is None

    def has_all(self, files: Iterable[PresetFile]) -> bool:
        return all(map(self.has, files))

    def other(self, file: PresetFile) -> ModelFile | None:
        """What has the file's name and is not the file: torn off, overwritten, or somebody's own."""
        found = self.files.get(file.place)
        if found is None or self.is_verified(file):
            return None
        known = self.hashes.get(found)
        same_size = file.bytes in (None, found.bytes)
        same_hash = None in (file.sha256, known) or file.sha256 == known
        return None if same_size and same_hash else found

    def is_verified(self, file: PresetFile) -> bool:
        """Whether the content was held against the promised hash, and has not changed since."""
        found = self.files.get(file.place)
        return found is not None and file.sha256 is not None and self.hashes.get(found) == file.sha256


def needed_elsewhere(
    preset: Preset, all_presets: Iterable[Preset], presence: InstalledFiles, coming: set[str]
) -> set[str]:
    """Places of files of other presets that are here, or of which files that are theirs alone are here or coming."""
    ours = {file.place for file in preset.files}

    def is_in_use(other: Preset) -> bool:
        theirs = [file for file in other.files if file.place not in ours]
        return presence.has_all(other.files) or any(
            presence.has(file) or file.place in coming for file in theirs
        )

    others = [other for other in all_presets if other.id != preset.id]
    sharing = [other for other in others if any(file.place in ours for file in other.files)]
    return {file.place for other in sharing if is_in_use(other) for file in other.files}


def differs(file: PresetFile, found: int) -> str:
    """`7 B instead of 4.3 GB`: how another file of `found` bytes is not this one."""
    if file.bytes in (None, found):
        return "the same size, other content"
    return f"{format_bytes(found)} instead of {format_bytes(file.bytes)}"


async def installed_files_of(storage: Storage) -> InstalledFiles:
    snapshot = await storage.snapshot()
    return InstalledFiles(snapshot.by_place, await storage.known_hashes(snapshot.files))
