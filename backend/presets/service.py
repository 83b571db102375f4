"""What of a preset is on this pod; fetching it and deleting it."""

import asyncio
import contextlib
from collections.abc import Iterable

from backend.core.errors import Conflict, NotFound
from backend.downloads.models import ACTIVE, FileRequest, State, Transfer
from backend.downloads.service import Downloads
from backend.presets.catalogue import Catalogue
from backend.presets.consent import check_consent
from backend.presets.installed_files import InstalledFiles, differs, installed_files_of, needed_elsewhere
from backend.presets.models import KnownFile, Preset, PresetFile
from backend.presets.schemas import FileStatus, PresetState, PresetStatus, PresetSummary
from backend.sources.metadata import HubMetadata
from backend.sources.models import FileMetadata
from backend.storage.models import ModelFile
from backend.storage.service import Storage

# How long a click waits for a hub to tell sizes, or for a hash; the answer is kept when it comes later.
PATIENCE_SECONDS = 10


class Presets:
    """Whether a preset is installed is asked of the disk, each time; only definitions are remembered."""

    def __init__(self, catalogue: Catalogue, downloads: Downloads, storage: Storage, facts: HubMetadata):
        self.catalogue = catalogue
        self._downloads = downloads
        self._storage = storage
        self._facts = facts

    async def search(
        self, q: str = "", category: str | None = None, installed: bool | None = None
    ) -> list[PresetSummary]:
        """Presets that hold every word of `q` somewhere; best matches, by title, come first."""
        coming, presence = await self._coming(), await installed_files_of(self._storage)
        found = self.catalogue.matching(q, category)
        here = [file for preset in found for file in preset.files if file.place in presence.files]
        known = dict(zip(here, await self.known(here), strict=True))
        summaries = [
            _summary(
                preset,
                [known[file].file if file in known else file for file in preset.files],
                coming,
                presence,
            )
            for preset in found
        ]
        if installed is None:
            return summaries
        return [entry for entry in summaries if (entry.state == PresetState.INSTALLED) == installed]

    async def status(self, preset_id: str, *, ask: bool = False) -> PresetStatus:
        """File by file. With `ask`, hubs are asked for sizes that are not known yet."""
        preset = self.catalogue.get(preset_id)
        known = await self.known(preset.files, ask=ask)
        await self._storage.look_again([file.place for file in preset.files])
        presence, coming = await installed_files_of(self._storage), await self._coming()
        files = [await self._file_status(file, presence) for file in known]
        summary = _summary(preset, [entry.file for entry in known], coming, presence)
        missing = [entry for entry in files if entry.state == "missing"]
        return PresetStatus(
            id=preset.id,
            state=summary.state,
            installed_files=summary.installed_files,
            total_files=len(files),
            received=sum(entry.received for entry in files),
            bytes=_sum([entry.bytes for entry in files]),
            to_fetch=sum(entry.bytes or 0 for entry in missing),
            sizes_unknown=sum(entry.bytes is None for entry in missing),
            free=await self.room(),
            files=files,
        )

    async def known(self, files: Iterable[PresetFile], *, ask: bool = False) -> list[KnownFile]:
        """The files with what hubs tell about them. With `ask`, hubs are asked for what matters and is not known."""
        files = tuple(files)
        told = await self._told([str(file.url) for file in files if _has_questions(file)], ask=ask)
        return [_known(file, told.get(str(file.url))) for file in files]

    async def _told(self, urls: list[str], *, ask: bool) -> dict[str, FileMetadata]:
        if ask:
            with contextlib.suppress(TimeoutError):
                return await asyncio.wait_for(self._facts.of(urls), PATIENCE_SECONDS)
        return await self._facts.known(urls)

    async def download(
        self, preset_id: str, *, allow_pickle: bool = False, replace: bool = False
    ) -> list[Transfer]:
        """Ask for every file that is missing; those that are here already are left alone.

        With `replace` also for those whose name another file has, which is put aside.
        """
        preset = self.catalogue.get(preset_id)
        await self._storage.look_again([file.place for file in preset.files])
        presence, coming = await installed_files_of(self._storage), await self._coming()
        check_consent(
            [file for file in preset.files if file.place not in presence.files], allow_pickle=allow_pickle
        )
        known = [entry.file for entry in await self.known(preset.files, ask=True)]
        others = [(file, found) for file in known if (found := presence.other(file))]
        absent = [file for file in known if file.place not in presence.files]
        if others and not replace and not absent:
            raise _taken(*others[0])
        if replace:
            absent += [file for file, _ in others]
            check_consent(absent, allow_pickle=allow_pickle)
        # What is coming has its room reserved already.
        await self._downloads.check_room(file.bytes or 0 for file in absent if file.place not in coming)
        if replace:
            for _, found in others:
                await self._storage.put_aside(found)
        missing = [file for file in absent if not await self.linked(file)]
        # What the hub said a while ago is no promise: the engine asks it again.
        asked = {file.place: file for file in preset.files}
        wanted = [wanted_of(asked[file.place], preset.id, allow_pickle=allow_pickle) for file in missing]
        transfers = [await self._downloads.request(file) for file in wanted]
        return [await self._restarted(transfer) for transfer in transfers]

    async def same_content(
        self, file: PresetFile, among: Iterable[ModelFile] | None = None
    ) -> ModelFile | None:
        """A file on this pod with the content of `file`, whatever it is called and wherever it lies.

        Reading a large one takes longer than anybody waits; then it is known the next time.
        """
        if file.sha256 is None:
            return None
        with contextlib.suppress(TimeoutError):
            found = self._storage.find_content(file.sha256, file.bytes, among)
            return await asyncio.wait_for(found, PATIENCE_SECONDS)
        return None

    async def linked(self, file: PresetFile) -> bool:
        """Content that is here under another name gets this name too, and nothing has to be fetched."""
        found = await self.same_content(file)
        try:
            return found is not None and await self._storage.link(found, file.folder, file.filename)
        except FileExistsError:
            return True  # somebody was faster

    async def room(self) -> int:
        """Free bytes, less what is still to come for transfers that were asked for before."""
        views = [self._downloads.view(transfer) for transfer in await self._downloads.list()]
        promised = sum(max(0, (view.bytes or 0) - view.received) for view in views if view.state in ACTIVE)
        return max(0, self._storage.disk().free - promised)

    async def cancel(self, preset_id: str) -> list[Transfer]:
        """Stop what is under way for this preset. Files that are here stay."""
        preset = self.catalogue.get(preset_id)
        found = [await self._downloads.latest(file.folder, file.filename) for file in preset.files]
        return [
            await self._downloads.cancel(transfer.id)
            for transfer in found
            if transfer and transfer.preset == preset.id and transfer.state in ACTIVE | {State.PAUSED}
        ]

    async def removable(self, preset_id: str) -> list[PresetFile]:
        """Return its files in the workspace that no other preset needs, with their sizes on disk."""
        return [file for file, _ in await self._removable(preset_id)]

    async def remove(self, preset_id: str) -> list[PresetFile]:
        """Stop what is under way, and delete what `removable` names. Return the deleted files."""
        await self.cancel(preset_id)
        removed = []
        for file, found in await self._removable(preset_id):
            with contextlib.suppress(NotFound):  # deleted meanwhile
                await self._storage.delete_file(found)
                removed.append(file)
        return removed

    async def _removable(self, preset_id: str) -> list[tuple[PresetFile, ModelFile]]:
        preset = self.catalogue.get(preset_id)
        presence, coming = await installed_files_of(self._storage), await self._coming()
        needed = needed_elsewhere(preset, self.catalogue, presence, coming)
        here = [entry.file for entry in await self.known(preset.files) if presence.has(entry.file)]
        pairs = [(file, presence.files[file.place]) for file in here if file.place not in needed]
        return [
            (file.model_copy(update={"bytes": found.bytes}), found)
            for file, found in pairs
            if found.in_workspace
        ]

    async def _restarted(self, transfer: Transfer) -> Transfer:
        """Pressing download on something that is paused means: go on. What was put aside needs a decision."""
        is_paused = transfer.state == State.PAUSED
        return await self._downloads.retry(transfer.id) if is_paused else transfer

    async def _file_status(self, known: KnownFile, presence: InstalledFiles) -> FileStatus:
        file, found = known.file, presence.files.get(known.file.place)
        status = FileStatus(
            file=file,
            format=file.format,
            scan=known.scan,
            state="missing",
            verified=presence.is_verified(file),
            transfer=None,
            received=0,
            bytes=file.bytes,
        )
        if found and presence.other(file):
            return status.model_copy(update={"state": "other", "found": found.bytes})
        if found:
            return status.model_copy(
                update={"state": "installed", "received": found.bytes, "bytes": found.bytes}
            )
        transfer = await self._downloads.latest(file.folder, file.filename)
        if transfer is None or transfer.state in (State.DONE, State.CANCELLED):
            return status
        view = self._downloads.view(transfer)
        under_way = {"state": view.state.value, "transfer": transfer.id, "received": view.received}
        return status.model_copy(update={**under_way, "bytes": view.bytes or file.bytes})

    async def _coming(self) -> set[str]:
        return {transfer.destination for transfer in await self._downloads.list() if transfer.state in ACTIVE}


def _taken(file: PresetFile, found: ModelFile) -> Conflict:
    return Conflict(
        f"Another file has the name {file.filename} in {file.folder}: {differs(file, found.bytes)}. Keep it, or fetch the "
        "right one with `replace`, which puts the other one aside.",
        code="another_file",
        place=file.place,
    )


def _summary(
    preset: Preset, files: Iterable[PresetFile], coming: set[str], presence: InstalledFiles
) -> PresetSummary:
    """`files`: those of the preset, with what hubs tell about them."""
    installed = sum(map(presence.has, files))
    if installed == len(preset.files):
        state = PresetState.INSTALLED
    elif any(file.place in coming for file in preset.files):
        state = PresetState.DOWNLOADING
    else:
        state = PresetState.PARTIAL if installed else PresetState.MISSING
    return PresetSummary(preset=preset, state=state, installed_files=installed)


def _has_questions(file: PresetFile) -> bool:
    """Whether its hub can tell something that the preset does not; what scanners say matters for a pickle."""
    return file.bytes is None or file.sha256 is None or file.is_pickle


def _known(file: PresetFile, told: FileMetadata | None) -> KnownFile:
    if told is None:
        return KnownFile(file, scan=None)
    sizes = {"bytes": file.bytes or told.bytes, "sha256": file.sha256 or told.sha256}
    return KnownFile(file.model_copy(update=sizes), scan=told.scan)


def _sum(sizes: list[int | None]) -> int | None:
    """None when one of them is unknown."""
    return None if None in sizes else sum(size or 0 for size in sizes)


def wanted_of(file: PresetFile, preset: str | None, *, allow_pickle: bool) -> FileRequest:
    return FileRequest(
        url=str(file.url),
        folder=file.folder,
        filename=file.filename,
        sha256=file.sha256,
        bytes=file.bytes,
        alternatives=tuple(str(url) for url in file.alternatives),
        preset=preset,
        allow_pickle=allow_pickle,
    )
