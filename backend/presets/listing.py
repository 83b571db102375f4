"""The catalogue as a list: filters, order, and the state of each preset on this pod."""

import asyncio
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from backend.core.async_tools import SingleFlight
from backend.core.events import EventBus
from backend.downloads.models import ACTIVE, TransferChanged, TransfersChanged
from backend.downloads.service import Downloads
from backend.presets.catalogue import Catalogue
from backend.presets.fit import Machine, fits, size_of
from backend.presets.installed_files import InstalledFiles, installed_files_of
from backend.presets.models import Preset, PresetFile
from backend.presets.schemas import PresetState, PresetSummary
from backend.presets.search import Word, matches, words_of
from backend.presets.service import Presets, summary_of
from backend.storage.service import Storage
from backend.web.paging import SortKey

Order = Literal["recommended", "popular", "newest", "size", "name"]
Summaries: TypeAlias = Mapping[str, PresetSummary]


@dataclass(frozen=True, kw_only=True)
class Filters:
    """Which presets a list shows."""

    # Words that must all occur, themselves or a synonym.
    q: str = ""
    category: str | None = None
    family: str | None = None
    installed: bool | None = None
    # Only what this machine has the space and the GPU memory for.
    fits: Machine | None = None
    order: Order = "recommended"


class PresetList:
    """Compares the whole catalogue with the pod once for each state of both, however many files the pod has."""

    def __init__(self, presets: Presets, downloads: Downloads, storage: Storage, events: EventBus):
        self._presets = presets
        self._downloads = downloads
        self._storage = storage
        self._transfers_revision = 0
        self._summaries: tuple[Hashable, Summaries] = (None, {})
        self._flights: SingleFlight[Hashable, Summaries] = SingleFlight()
        events.subscribe(TransferChanged, self._on_transfers)
        events.subscribe(TransfersChanged, self._on_transfers)

    async def revision(self) -> Hashable:
        """Return a value that changes whenever a list may look different."""
        await self._storage.snapshot()
        return (
            self._presets.catalogue.revision,
            self._storage.revision,
            self._transfers_revision,
            self._presets.metadata_revision,
        )

    async def search(self, filters: Filters) -> list[PresetSummary]:
        """Return the presets that match, those with all words in the title first."""
        summaries = await self._current()
        found = (summaries[preset.id] for preset in self._matching(filters) if preset.id in summaries)
        return [entry for entry in found if _is_wanted(entry, filters)]

    def key_of(self, filters: Filters) -> "KeyOf":
        """Return the function by which `search` sorts."""
        catalogue, words = self._presets.catalogue, words_of(filters.q)
        return lambda entry: _key(catalogue, entry.preset, words, filters.order)

    def _matching(self, filters: Filters) -> list[Preset]:
        catalogue = self._presets.catalogue
        words = words_of(filters.q)
        found = catalogue.matching(words, filters.category, filters.family)
        return sorted(found, key=lambda preset: _key(catalogue, preset, words, filters.order))

    async def _current(self) -> Summaries:
        revision = await self.revision()
        known, summaries = self._summaries
        if known == revision:
            return summaries
        summaries = await self._flights.run(revision, self._compare)
        self._summaries = (revision, summaries)
        return summaries

    async def _compare(self) -> Summaries:
        """Compare every preset with the pod. Only files of presets are looked up, never all files of the pod."""
        presets = list(self._presets.catalogue)
        on_pod = await installed_files_of(
            self._storage, (file for preset in presets for file in preset.files)
        )
        here = [file for preset in presets for file in preset.files if file.place in on_pod.files]
        known = {file: entry.file for file, entry in zip(here, await self._presets.known(here), strict=True)}
        transfers = await self._downloads.list()
        downloading = {transfer.destination for transfer in transfers if transfer.state in ACTIVE}
        return await asyncio.to_thread(_summaries, presets, known, on_pod, downloading)

    def _on_transfers(self, _event: TransferChanged | TransfersChanged) -> None:
        self._transfers_revision += 1


KeyOf: TypeAlias = Callable[[PresetSummary], SortKey]


def _is_wanted(entry: PresetSummary, filters: Filters) -> bool:
    is_installed = entry.state == PresetState.INSTALLED
    if filters.installed not in (None, is_installed):
        return False
    return filters.fits is None or fits(entry.preset, filters.fits, is_installed=is_installed)


def _key(catalogue: Catalogue, preset: Preset, words: Sequence[Word], order: Order) -> SortKey:
    """Sort by the order. What has all words in its title comes first, unless sorted by size or name."""
    position = catalogue.position(preset.id)
    in_title = int(not matches(words, preset.title.lower()))
    match order:
        case "popular":
            return (in_title, -preset.popularity, position)
        case "newest":
            return (in_title, -(preset.released.toordinal() if preset.released else 0), position)
        case "size":
            return (size_of(preset) or 0, position)
        case "name":
            return (preset.title.lower(), position)
        case "recommended":
            return (in_title, position)


def _summaries(
    presets: list[Preset],
    known: Mapping[PresetFile, PresetFile],
    on_pod: InstalledFiles,
    downloading: set[str],
) -> Summaries:
    return {
        preset.id: summary_of(preset, [known.get(file, file) for file in preset.files], on_pod, downloading)
        for preset in presets
    }
