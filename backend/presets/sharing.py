"""Export the models of this pod as a preset, and import presets of others."""

import asyncio
import contextlib
from pathlib import Path

import yaml

from backend.core.errors import Conflict, InvalidRequest
from backend.core.persistence import save_persistently
from backend.downloads.models import State
from backend.downloads.service import Downloads
from backend.presets.catalogue import Catalogue
from backend.presets.definitions import MAX_BYTES, BadPreset, parse_preset
from backend.presets.models import MOST_FILES, Origin, Preset, PresetFile
from backend.presets.schemas import ExportReport, ExportRequest
from backend.sources.addresses import is_signed
from backend.sources.api_errors import as_api_errors
from backend.sources.service import Sources
from backend.storage.models import ModelFile
from backend.storage.service import Storage

HASHING_SECONDS = 10


class Sharing:
    """Exports and imports presets. `folder` holds the imported ones."""

    def __init__(
        self, catalogue: Catalogue, downloads: Downloads, storage: Storage, sources: Sources, folder: Path
    ):
        self._catalogue = catalogue
        self._downloads = downloads
        self._storage = storage
        self._sources = sources
        self._folder = folder

    async def export(self, request: ExportRequest, time_limit: float = HASHING_SECONDS) -> ExportReport:
        """Describe files of this pod, pinned to size and hash, as far as their URLs are known.

        Hash files for at most `time_limit` seconds; the next call continues.
        """
        selected = [file.place for file in await self._storage.files() if request.includes(file.place)]
        if len(selected) > MOST_FILES:
            raise InvalidRequest(
                f"A preset has at most {MOST_FILES} files, and {len(selected)} are selected. Select fewer.",
                code="too_many_files",
            )
        await self._storage.look_again(selected)
        files = [file for file in await self._storage.files() if request.includes(file.place)]
        hashes = await self._hashes(files, time_limit)
        report = ExportReport(
            preset=None,
            hashing=[file.place for file in files if file not in hashes],
            left_out=[],
            bytes=sum(file.bytes for file in files),
            hashed=sum(file.bytes if file in hashes else self._storage.read_of(file) for file in files),
        )
        if report.hashing:
            return report
        pinned = {file.place: await self._pinned(file, sha256) for file, sha256 in hashes.items()}
        report.left_out = [place for place, file in pinned.items() if file is None]
        report.preset = _as_yaml(request, [file for file in pinned.values() if file])
        return report

    async def _hashes(self, files: list[ModelFile], time_limit: float) -> dict[ModelFile, str | None]:
        """Return the hashes that could be computed in time; None for files that cannot be read."""
        found: dict[ModelFile, str | None] = {}
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(time_limit):
                for file in files:
                    try:
                        found[file] = await self._storage.hash(file)
                    except OSError:
                        found[file] = None
        return found

    async def add(self, content: bytes) -> Preset:
        """Save a definition. It replaces an imported one with the same id."""
        if len(content) > MAX_BYTES:
            raise InvalidRequest(
                "The definition is too large. A preset has less than 1 MiB.", code="too_large"
            )
        preset = await self._catalogue.reader.run(_parsed, content)
        if self._catalogue.has(preset.id) and self._catalogue.get(preset.id).origin != Origin.ADDED:
            raise Conflict(
                f"The id {preset.id} belongs to a preset of ComfyPod. Choose another one.",
                code="id_taken",
            )
        await asyncio.to_thread(save_persistently, self._path_of(preset.id), content)
        await self._catalogue.load()
        return preset

    async def add_from(self, url: str) -> Preset:
        with as_api_errors():
            content = await self._sources.read(url, MAX_BYTES)
        return await self.add(content)

    async def remove(self, preset_id: str) -> None:
        """Remove the definition of an imported preset; its files stay."""
        if self._catalogue.get(preset_id).origin != Origin.ADDED:
            raise Conflict(
                f"{preset_id} is part of ComfyPod and cannot be removed. Delete its files instead.",
                code="not_added",
            )
        try:
            await asyncio.to_thread(self._path_of(preset_id).unlink)
        except FileNotFoundError:
            raise Conflict(
                f"{preset_id} was put into {self._folder} by hand. Delete its file there.",
                code="not_added",
            ) from None
        await self._catalogue.load()

    async def _pinned(self, file: ModelFile, sha256: str | None) -> PresetFile | None:
        url = await self._url_of(file, sha256) if sha256 else None
        if url is None:
            return None
        try:
            return PresetFile.model_validate(
                {
                    "folder": file.folder,
                    "filename": file.filename,
                    "url": url,
                    "bytes": file.bytes,
                    "sha256": sha256,
                }
            )
        except ValueError:  # a name that presets do not allow
            return None

    async def _url_of(self, file: ModelFile, sha256: str) -> str | None:
        """Return a URL of exactly this content. Signed URLs expire, so they are left out."""
        transfer = await self._downloads.latest(file.folder, file.filename)
        if (
            transfer
            and transfer.state == State.DONE
            and transfer.sha256 == sha256
            and not is_signed(transfer.url)
        ):
            return transfer.url
        sources = self._catalogue.files_named(file.filename)
        return next((str(source.url) for _, source in sources if source.sha256 == sha256), None)

    def _path_of(self, preset_id: str) -> Path:
        return self._folder / f"{preset_id}.yaml"


def _parsed(content: bytes) -> Preset:
    try:
        return parse_preset("preset", content.decode(), Origin.ADDED)
    except UnicodeDecodeError:
        raise InvalidRequest(
            "This is not a preset. A preset is a text in YAML or JSON.", code="not_a_preset"
        ) from None
    except BadPreset as error:
        problems = "; ".join(
            f"line {problem.line}: {problem.message}" if problem.line else problem.message
            for problem in error.problems[:5]
        )
        raise InvalidRequest(f"This preset cannot be used. {problems}", code="not_a_preset") from None


def _as_yaml(request: ExportRequest, files: list[PresetFile]) -> str | None:
    if not files:
        return None
    about = request.model_dump(exclude={"files"}, exclude_defaults=False)
    pinned = [file.model_dump(mode="json", exclude={"alternatives"}) for file in files]
    return yaml.safe_dump(about | {"files": pinned}, sort_keys=False, allow_unicode=True)
