"""Several presets at once: what they need together, and their download."""

from collections.abc import Sequence
from dataclasses import dataclass

from backend.core.errors import AppError
from backend.downloads.models import Transfer
from backend.presets.fit import size_of
from backend.presets.installed_files import InstalledFiles, installed_files_of
from backend.presets.models import Preset, PresetFile
from backend.presets.service import Presets
from backend.storage.service import Storage


@dataclass(frozen=True, kw_only=True)
class SelectionSummary:
    """What several presets need together. A file that two of them share counts once."""

    presets: Sequence[Preset]
    missing_files: int
    to_fetch: int
    # Some sizes are unknown: those presets count with the size that they state.
    is_estimate: bool
    free: int
    has_pickles: bool

    @property
    def short_by(self) -> int:
        return max(0, self.to_fetch - self.free)


@dataclass(frozen=True, kw_only=True)
class SelectionReport:
    """What became of the download of several presets."""

    transfers: Sequence[Transfer]
    # Titles with the reason.
    refused: Sequence[str]


class Selection:
    def __init__(self, presets: Presets, storage: Storage):
        self._presets = presets
        self._storage = storage

    async def summary(self, ids: Sequence[str]) -> SelectionSummary:
        """Return what is still to be downloaded. Unknown ids are left out: a list may be older than the catalogue."""
        presets = self._found(ids)
        files = {file.place: file for preset in presets for file in preset.files}
        known = {entry.file.place: entry.file for entry in await self._presets.known(files.values())}
        on_pod = await installed_files_of(self._storage, files.values())
        missing = {place: file for place, file in known.items() if place not in on_pod.files}
        estimated = [preset for preset in presets if _is_unknown(preset, missing)]
        shared = {file.place for preset in estimated for file in preset.files}
        exact = sum(file.bytes or 0 for place, file in missing.items() if place not in shared)
        return SelectionSummary(
            presets=presets,
            missing_files=len(missing),
            to_fetch=exact + sum(_estimate(preset, on_pod) for preset in estimated),
            is_estimate=bool(estimated),
            free=await self._presets.free_space(),
            has_pickles=any(file.is_pickle for file in missing.values()),
        )

    async def download(self, ids: Sequence[str], *, allow_pickle: bool) -> SelectionReport:
        """Queue what each preset lacks. One that is refused does not stop the others."""
        transfers: dict[str, Transfer] = {}
        refused: list[str] = []
        for preset in self._found(ids):
            try:
                queued = await self._presets.download(preset.id, allow_pickle=allow_pickle)
            except AppError as error:
                refused.append(f"{preset.title}: {error.message}")
            else:
                transfers |= {transfer.id: transfer for transfer in queued}
        return SelectionReport(transfers=list(transfers.values()), refused=refused)

    def _found(self, ids: Sequence[str]) -> list[Preset]:
        catalogue = self._presets.catalogue
        return [catalogue.get(preset_id) for preset_id in dict.fromkeys(ids) if catalogue.has(preset_id)]


def _is_unknown(preset: Preset, missing: dict[str, PresetFile]) -> bool:
    """Return whether a file that the preset lacks has no known size."""
    return any(missing[file.place].bytes is None for file in preset.files if file.place in missing)


def _estimate(preset: Preset, on_pod: InstalledFiles) -> int:
    """Return the stated size, less what is installed of it."""
    here = sum(on_pod.files[file.place].bytes for file in preset.files if file.place in on_pod.files)
    return max(0, (size_of(preset) or 0) - here)
