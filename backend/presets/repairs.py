"""Verify the files of a preset, and repair those that are truncated or damaged."""

from backend.core.errors import Conflict
from backend.downloads.continuation import Continuation
from backend.downloads.models import Transfer
from backend.downloads.service import Downloads
from backend.presets.consent import check_consent
from backend.presets.installed_files import installed_files_of
from backend.presets.models import Preset, PresetFile
from backend.presets.service import Presets, request_of
from backend.storage.models import ModelFile
from backend.storage.service import Storage
from backend.storage.verification import Verifications


class Repairs:
    """Hubs publish one hash for a whole file, so which bytes are damaged is unknown.

    Only a truncated file can keep what it has; of any other, the whole file is downloaded again.
    """

    def __init__(
        self,
        presets: Presets,
        downloads: Downloads,
        continuation: Continuation,
        storage: Storage,
        verifications: Verifications,
    ):
        self._presets = presets
        self._downloads = downloads
        self._continuation = continuation
        self._storage = storage
        self._verifications = verifications

    async def verify(self, preset_id: str, place: str | None = None) -> int:
        """Read the files that are here again, in the background. Return how many. Default: all of the preset's."""
        files = _named(self._presets.catalogue.get(preset_id), place)
        await self._storage.look_again([file.place for file in files])
        on_pod = await installed_files_of(self._storage, files)
        if place and place not in on_pod.files:
            raise Conflict(f"{place} is not installed, so there is nothing to verify.", code="not_installed")
        return self._verifications.add(on_pod.files.values())

    async def repair(self, preset_id: str, place: str, *, allow_pickle: bool = False) -> Transfer:
        """Download what a damaged file lacks: the rest of a truncated file, else the whole file.

        A file that is replaced as a whole is renamed, never deleted.
        """
        preset = self._presets.catalogue.get(preset_id)
        file, found = await self._damaged(preset, place)
        check_consent([file], allow_pickle=allow_pickle)
        request = request_of(file, preset.id, allow_pickle=allow_pickle)
        self._storage.note_repair(found)
        if await self._continuation.can_continue(request, found):
            await self._downloads.space.check([(file.bytes or 0) - found.bytes])
            return await self._continuation.start(request, found)
        await self._downloads.space.check([file.bytes or 0])
        await self._storage.put_aside(found)
        return await self._downloads.request(request)

    async def _damaged(self, preset: Preset, place: str) -> tuple[PresetFile, ModelFile]:
        """Return the file as its hub publishes it, and the different file that has its name."""
        (known,) = await self._presets.known(_named(preset, place), ask=True)
        await self._storage.look_again([place])
        on_pod = await installed_files_of(self._storage, [known.file])
        found = on_pod.other(known.file)
        if found is None:
            raise Conflict(
                f"{place} has the right size and hash as far as they are known. Verify it to compare its content.",
                code="not_damaged",
            )
        return known.file, found


def _named(preset: Preset, place: str | None) -> list[PresetFile]:
    files = [file for file in preset.files if place in (None, file.place)]
    if not files:
        raise Conflict(f"{preset.id} has no file {(place or '')[:300]}.", code="no_such_file")
    return files
