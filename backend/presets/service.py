"""The catalogue, and what of it is on this pod."""

import asyncio
from collections import Counter
from pathlib import Path

from backend.core.errors import NotFound
from backend.downloads.models import ACTIVE, State, Transfer, Wanted
from backend.downloads.service import Downloads
from backend.presets.curated import read_curated
from backend.presets.models import (
    Category,
    FileProblem,
    FileStatus,
    Preset,
    PresetFile,
    PresetState,
    PresetStatus,
    PresetSummary,
    UpdateReport,
)
from backend.presets.official import read_official
from backend.storage.service import Storage


class Presets:
    """Curated presets first, then ComfyUI's official templates. Whether one is installed is asked of the disk."""

    def __init__(self, folder: Path, downloads: Downloads, storage: Storage):
        self._folder = folder
        self._downloads = downloads
        self._storage = storage
        self._presets: dict[str, Preset] = {}
        self._loaded = asyncio.Event()
        self.problems: list[FileProblem] = []

    async def load(self) -> UpdateReport:
        """Read every definition again."""
        curated, problems = await asyncio.to_thread(read_curated, self._folder)
        official = await asyncio.to_thread(read_official)
        before = self._presets
        self._presets = {}
        for preset in (*curated, *official):
            if preset.id in self._presets:
                message = f"The id {preset.id} is taken already; this one was left out."
                problems.append(FileProblem(file=preset.workflow or preset.id, line=None, message=message))
            else:
                self._presets[preset.id] = preset
        self.problems = problems
        return UpdateReport(
            presets=len(self._presets),
            added=sorted(self._presets.keys() - before.keys()),
            removed=sorted(before.keys() - self._presets.keys()),
            problems=problems,
        )

    async def load_first(self) -> None:
        """Read every definition once, beside the first requests: the page does not wait for the catalogue."""
        try:
            await self.load()
        finally:
            self._loaded.set()

    async def until_loaded(self) -> None:
        await self._loaded.wait()

    def get(self, preset_id: str) -> Preset:
        try:
            return self._presets[preset_id]
        except KeyError:
            raise NotFound(
                f"There is no preset called '{preset_id[:100]}'. Search the list for it; ids are lower case.",
                id=preset_id[:100],
            ) from None

    def categories(self) -> list[Category]:
        counts = Counter(preset.category for preset in self._presets.values())
        return [Category(name=name, presets=number) for name, number in sorted(counts.items())]

    async def search(
        self, q: str = "", category: str | None = None, installed: bool | None = None
    ) -> list[PresetSummary]:
        """Presets that hold every word of `q` somewhere; best matches, by title, come first."""
        words = q.lower().split()
        found = [
            preset
            for preset in self._presets.values()
            if (not category or preset.category == category) and all(word in _text(preset) for word in words)
        ]
        found.sort(key=lambda preset: not all(word in preset.title.lower() for word in words))
        busy = await self._unfinished()
        summaries = await asyncio.to_thread(lambda: [self._summary(preset, busy) for preset in found])
        if installed is None:
            return summaries
        return [entry for entry in summaries if (entry.state == PresetState.INSTALLED) == installed]

    async def status(self, preset_id: str) -> PresetStatus:
        preset = self.get(preset_id)
        files = [await self._file_status(file) for file in preset.files]
        sizes = [status.bytes for status in files]
        summary = self._summary(preset, await self._unfinished())
        return PresetStatus(
            id=preset.id,
            state=summary.state,
            installed_files=summary.installed_files,
            total_files=len(files),
            received=sum(status.received for status in files),
            bytes=None if None in sizes else sum(size or 0 for size in sizes),
            files=files,
        )

    async def download(self, preset_id: str) -> list[Transfer]:
        """Ask for every file that is missing; those that are here already are left alone."""
        preset = self.get(preset_id)
        missing = [file for file in preset.files if not self._is_installed(file)]
        coming = await self._unfinished()  # has its room reserved already
        new = [file for file in missing if (file.folder, file.filename) not in coming]
        await self._downloads.check_room([file.bytes or 0 for file in new])
        transfers = [await self._downloads.request(_wanted(preset, file)) for file in missing]
        return [await self._restarted(transfer) for transfer in transfers]

    async def remove(self, preset_id: str) -> list[PresetFile]:
        """Delete the preset's files, except those that another installed preset needs. Returns the deleted ones."""
        preset = self.get(preset_id)
        needed_elsewhere = self._files_of_other_installed(preset)
        for file in preset.files:
            transfer = await self._downloads.latest(file.folder, file.filename)
            if transfer and transfer.preset == preset.id and transfer.state in ACTIVE | {State.PAUSED}:
                await self._downloads.cancel(transfer.id)
        removable = [
            file
            for file in preset.files
            if self._is_installed(file) and (file.folder, file.filename) not in needed_elsewhere
        ]
        for file in removable:
            await self._storage.remove(file.folder, file.filename)
        return removable

    async def _restarted(self, transfer: Transfer) -> Transfer:
        """Pressing download on something that was stopped or failed means: go on."""
        stopped = {State.FAILED, State.CANCELLED, State.PAUSED, State.QUARANTINED}
        return await self._downloads.retry(transfer.id) if transfer.state in stopped else transfer

    def _files_of_other_installed(self, preset: Preset) -> set[tuple[str, str]]:
        return {
            (file.folder, file.filename)
            for other in self._presets.values()
            if other.id != preset.id and all(self._is_installed(file) for file in other.files)
            for file in other.files
        }

    async def _file_status(self, file: PresetFile) -> FileStatus:
        size = self._storage.size_of(file.folder, file.filename)
        if size is not None:
            return FileStatus(file=file, state="installed", transfer=None, received=size, bytes=size)
        transfer = await self._downloads.latest(file.folder, file.filename)
        if transfer is None or transfer.state in (State.DONE, State.CANCELLED):
            return FileStatus(file=file, state="missing", transfer=None, received=0, bytes=file.bytes)
        view = self._downloads.view(transfer)
        return FileStatus(
            file=file,
            state=view.state.value,
            transfer=transfer.id,
            received=view.received,
            bytes=view.bytes or file.bytes,
        )

    async def _unfinished(self) -> set[tuple[str, str]]:
        return {(t.folder, t.filename) for t in await self._downloads.list() if t.state in ACTIVE}

    def _summary(self, preset: Preset, busy: set[tuple[str, str]]) -> PresetSummary:
        installed = sum(self._is_installed(file) for file in preset.files)
        if installed == len(preset.files):
            state = PresetState.INSTALLED
        elif any((file.folder, file.filename) in busy for file in preset.files):
            state = PresetState.DOWNLOADING
        else:
            state = PresetState.PARTIAL if installed else PresetState.MISSING
        return PresetSummary(preset=preset, state=state, installed_files=installed)

    def _is_installed(self, file: PresetFile) -> bool:
        return self._storage.size_of(file.folder, file.filename) is not None


def _wanted(preset: Preset, file: PresetFile) -> Wanted:
    return Wanted(
        url=str(file.url),
        folder=file.folder,
        filename=file.filename,
        sha256=file.sha256,
        bytes=file.bytes,
        alternatives=tuple(str(url) for url in file.alternatives),
        preset=preset.id,
    )


def _text(preset: Preset) -> str:
    names = " ".join(file.filename for file in preset.files)
    return f"{preset.id} {preset.title} {preset.category} {' '.join(preset.tags)} {preset.description} {names}".lower()
