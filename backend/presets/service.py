"""Operations on presets: search, status, download, cancel, delete."""

import asyncio
import contextlib
from collections.abc import Iterable

from backend.activity.service import Activity
from backend.core.errors import Conflict, NotFound
from backend.downloads.cancellations import Cancellations
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
from backend.storage.verification import Verifications

# How long a request waits for a hub, or for a hash. A result that comes later is kept for the next one.
MAX_WAIT_SECONDS = 10


class Presets:
    """The catalogue, compared with the files on this pod. Only definitions are kept, never what is installed."""

    def __init__(
        self,
        catalogue: Catalogue,
        downloads: Downloads,
        cancellations: Cancellations,
        storage: Storage,
        verifications: Verifications,
        hubs: HubMetadata,
        activity: Activity,
    ):
        self._activity = activity
        self.catalogue = catalogue
        self._downloads = downloads
        self._cancellations = cancellations
        self._storage = storage
        self._verifications = verifications
        self._hubs = hubs
        # Grows whenever hubs were asked.
        self.metadata_revision = 0

    async def status(self, preset_id: str, *, ask: bool = False) -> PresetStatus:
        """Return the state of each file. With `ask`, hubs are asked for sizes that are unknown."""
        preset = self.catalogue.get(preset_id)
        known = await self.known(preset.files, ask=ask)
        await self._storage.look_again([file.place for file in preset.files])
        on_pod = await installed_files_of(self._storage, preset.files)
        downloading = await self._downloading()
        files = [await self._file_status(file, on_pod) for file in known]
        summary = summary_of(preset, [entry.file for entry in known], on_pod, downloading)
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
            free=await self.free_space(),
            files=files,
        )

    async def known(self, files: Iterable[PresetFile], *, ask: bool = False) -> list[KnownFile]:
        """Return the files with what hubs publish about them. With `ask`, hubs are asked for what is unknown."""
        files = tuple(files)
        published = await self._published([str(file.url) for file in files if _lacks_metadata(file)], ask=ask)
        return [_known(file, published.get(str(file.url))) for file in files]

    async def _published(self, urls: list[str], *, ask: bool) -> dict[str, FileMetadata]:
        if ask:
            self.metadata_revision += 1
            with contextlib.suppress(TimeoutError):
                return await asyncio.wait_for(self._hubs.of(urls), MAX_WAIT_SECONDS)
        return await self._hubs.cached(urls)

    async def download(
        self, preset_id: str, *, allow_pickle: bool = False, replace: bool = False
    ) -> list[Transfer]:
        """Queue every file that is missing.

        With `replace` also files whose name a different file has; that one is renamed.
        """
        preset = self.catalogue.get(preset_id)
        await self._storage.look_again([file.place for file in preset.files])
        on_pod = await installed_files_of(self._storage, preset.files)
        downloading = await self._downloading()
        check_consent(
            [file for file in preset.files if file.place not in on_pod.files], allow_pickle=allow_pickle
        )
        known = [entry.file for entry in await self.known(preset.files, ask=True)]
        others = [(file, found) for file in known if (found := on_pod.other(file))]
        absent = [file for file in known if file.place not in on_pod.files]
        if others and not replace and not absent:
            raise _name_taken(*others[0])
        if replace:
            absent += [file for file, _ in others]
            check_consent(absent, allow_pickle=allow_pickle)
        # Active transfers have their disk space reserved.
        await self._downloads.space.check(file.bytes or 0 for file in absent if file.place not in downloading)
        if replace:
            for _, found in others:
                await self._storage.put_aside(found)
        missing = [file for file in absent if not await self.linked(file)]
        # What the hub published earlier may have changed: the engine asks it again.
        defined = {file.place: file for file in preset.files}
        requests = [request_of(defined[file.place], preset.id, allow_pickle=allow_pickle) for file in missing]
        self._activity.note("preset.requested", preset_id, files=len(requests))
        transfers = [await self._downloads.request(file) for file in requests]
        return [await self._resumed(transfer) for transfer in transfers]

    async def keep(self, preset_id: str, place: str | None = None) -> None:
        """Remember that the user keeps a different file that has the name of one of the preset's. Default: all of them."""
        preset = self.catalogue.get(preset_id)
        files = [entry.file for entry in await self.known(_named(preset, place), ask=True)]
        await self._storage.look_again([file.place for file in files])
        on_pod = await installed_files_of(self._storage, files)
        others = [found for file in files if (found := on_pod.other(file))]
        if place and not others and place not in on_pod.kept:
            raise _nothing_to_keep(preset, place)
        for found in others:
            await self._storage.keep(found)

    async def undo_keep(self, preset_id: str, place: str | None = None) -> None:
        """Forget what `keep` has remembered."""
        for file in _named(self.catalogue.get(preset_id), place):
            await self._storage.undo_keep(file.place)

    async def same_content(
        self, file: PresetFile, among: Iterable[ModelFile] | None = None
    ) -> ModelFile | None:
        """Return a file on this pod with the content of `file`, under any name and in any folder.

        A large file may take longer to hash than a request waits; the next request finds it.
        """
        if file.sha256 is None:
            return None
        with contextlib.suppress(TimeoutError):
            found = self._storage.find_content(file.sha256, file.bytes, among)
            return await asyncio.wait_for(found, MAX_WAIT_SECONDS)
        return None

    async def linked(self, file: PresetFile) -> bool:
        """Give content that is here under another name this name too. Return whether no download is needed."""
        found = await self.same_content(file)
        try:
            return found is not None and await self._storage.link(found, file.folder, file.filename)
        except FileExistsError:
            return True  # another request was faster

    async def free_space(self) -> int:
        """Return the free bytes, minus what active transfers still need."""
        return await self._downloads.space.free()

    async def cancel(self, preset_id: str, keep_seconds: float = 0) -> list[Transfer]:
        """Cancel the transfers that this preset started. Installed files stay. See `Cancellations.cancel`."""
        preset = self.catalogue.get(preset_id)
        found = [await self._downloads.latest(file.folder, file.filename) for file in preset.files]
        return [
            await self._cancellations.cancel(transfer.id, keep_seconds)
            for transfer in found
            if transfer and transfer.preset == preset.id and transfer.state in ACTIVE | {State.PAUSED}
        ]

    async def removable(self, preset_id: str) -> list[PresetFile]:
        """Return its files in the workspace that no other preset needs, with their sizes on disk."""
        return [file for file, _ in await self._removable(preset_id)]

    async def remove(self, preset_id: str) -> list[PresetFile]:
        """Cancel its transfers and delete what `removable` returns. Return the deleted files."""
        await self.cancel(preset_id)
        removed: list[PresetFile] = []
        for file, found in await self._removable(preset_id):
            with contextlib.suppress(NotFound):  # deleted meanwhile
                await self._storage.delete_file(found)
                removed.append(file)
        self._activity.note("preset.deleted", preset_id, files=len(removed))
        return removed

    async def _removable(self, preset_id: str) -> list[tuple[PresetFile, ModelFile]]:
        preset = self.catalogue.get(preset_id)
        sharing = self.catalogue.sharing_files_with(preset)
        files = (file for each in (preset, *sharing) for file in each.files)
        on_pod = await installed_files_of(self._storage, files)
        needed = needed_elsewhere(preset, sharing, on_pod, await self._downloading())
        here = [entry.file for entry in await self.known(preset.files) if on_pod.has(entry.file)]
        ours = [file for file in here if file.place not in needed and not on_pod.is_kept(file)]
        pairs = [(file, on_pod.files[file.place]) for file in ours]
        return [
            (file.model_copy(update={"bytes": found.bytes}), found)
            for file, found in pairs
            if found.in_workspace
        ]

    async def _resumed(self, transfer: Transfer) -> Transfer:
        """Resume a paused transfer: to download it again means to continue. A quarantined one needs a decision."""
        is_paused = transfer.state == State.PAUSED
        return await self._downloads.retry(transfer.id) if is_paused else transfer

    async def _file_status(self, known: KnownFile, on_pod: InstalledFiles) -> FileStatus:
        file, found = known.file, on_pod.files.get(known.file.place)
        status = FileStatus(
            file=file,
            format=file.format,
            scan=known.scan,
            state="missing",
            verified=on_pod.is_verified(file),
            transfer=None,
            received=0,
            bytes=file.bytes,
            reading=self._verifications.read_of(found) if found else None,
            unreadable=self._verifications.error_of(found) if found else None,
        )
        if found and on_pod.other(file):
            return status.model_copy(update={"state": "other", "found": found.bytes})
        if found and on_pod.is_kept(file):
            own = {"state": "kept", "found": found.bytes, "received": found.bytes, "bytes": found.bytes}
            return status.model_copy(update=own)
        if found:
            return status.model_copy(
                update={"state": "installed", "received": found.bytes, "bytes": found.bytes}
            )
        transfer = await self._downloads.latest(file.folder, file.filename)
        if transfer is None or transfer.state in (State.DONE, State.CANCELLED):
            return status
        view = self._downloads.view(transfer)
        progress = {"state": view.state.value, "transfer": transfer.id, "received": view.received}
        return status.model_copy(update={**progress, "bytes": view.bytes or file.bytes})

    async def _downloading(self) -> set[str]:
        return {transfer.destination for transfer in await self._downloads.list() if transfer.state in ACTIVE}


def _name_taken(file: PresetFile, found: ModelFile) -> Conflict:
    return Conflict(
        f"A different file is named {file.filename} in {file.folder}: {differs(file, found.bytes)}. Keep it, or download "
        "the right one with `replace`, which renames the different one.",
        code="another_file",
        place=file.place,
    )


def _named(preset: Preset, place: str | None) -> list[PresetFile]:
    """Return the file with this path, or all files. Raise Conflict when the preset does not have it."""
    files = [file for file in preset.files if place in (None, file.place)]
    if place and not files:
        raise _nothing_to_keep(preset, place)
    return files


def _nothing_to_keep(preset: Preset, place: str) -> Conflict:
    return Conflict(
        f"No different file of {preset.id} is named {place[:300]}. The preset's status names those that can be kept.",
        code="no_other_file",
    )


def summary_of(
    preset: Preset, files: Iterable[PresetFile], on_pod: InstalledFiles, downloading: set[str]
) -> PresetSummary:
    """Return the state of a preset. `files` are its files with what hubs publish about them."""
    installed = sum(map(on_pod.has, files))
    if installed == len(preset.files):
        state = PresetState.INSTALLED
    elif any(file.place in downloading for file in preset.files):
        state = PresetState.DOWNLOADING
    else:
        state = PresetState.PARTIAL if installed else PresetState.MISSING
    return PresetSummary(preset=preset, state=state, installed_files=installed)


def _lacks_metadata(file: PresetFile) -> bool:
    """Return whether its hub publishes something that the preset lacks, such as the scan result of a pickle."""
    return file.bytes is None or file.sha256 is None or file.is_pickle


def _known(file: PresetFile, published: FileMetadata | None) -> KnownFile:
    if published is None:
        return KnownFile(file, scan=None)
    sizes = {"bytes": file.bytes or published.bytes, "sha256": file.sha256 or published.sha256}
    return KnownFile(file.model_copy(update=sizes), scan=published.scan)


def _sum(sizes: list[int | None]) -> int | None:
    """None when one of them is unknown."""
    return None if None in sizes else sum(size or 0 for size in sizes)


def request_of(file: PresetFile, preset: str | None, *, allow_pickle: bool) -> FileRequest:
    """Return the download request for a file of a preset, or of a workflow."""
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
