"""Presets that travel: what is on this pod as a definition, and definitions from elsewhere."""

import asyncio
from pathlib import Path

import yaml

from backend.core.errors import Conflict, InvalidRequest, UpstreamError
from backend.core.files import write_atomically
from backend.downloads.models import State
from backend.downloads.service import Downloads
from backend.presets.catalogue import Catalogue
from backend.presets.curated import BadPreset, parse_preset
from backend.presets.models import ExportReport, ExportRequest, Origin, Preset, PresetFile
from backend.sources.faults import TransferFault
from backend.sources.transport import Transport, plain_faults
from backend.storage.models import ModelFile
from backend.storage.service import Storage

MAX_BYTES = 2**20
# Hashing goes on when nobody waits any more; asking again joins it.
PATIENCE_SECONDS = 10


class Sharing:
    """Exports and imports presets. Imported ones live in `folder`."""

    def __init__(
        self, catalogue: Catalogue, downloads: Downloads, storage: Storage, transport: Transport, folder: Path
    ):
        self._catalogue = catalogue
        self._downloads = downloads
        self._storage = storage
        self._transport = transport
        self._folder = folder

    async def export(self, wanted: ExportRequest) -> ExportReport:
        """Files of this pod, pinned to size and hash, wherever we know an address for them."""
        files = [file for file in await self._storage.files() if wanted.takes(file.place)]
        hashes = [asyncio.create_task(self._storage.hash(file)) for file in files]
        if hashes:
            await asyncio.wait(hashes, timeout=PATIENCE_SECONDS)
        report = ExportReport(preset=None, hashing=[], left_out=[])
        pinned = []
        for file, task in zip(files, hashes, strict=True):
            if not task.done():
                task.cancel()
                report.hashing.append(file.place)
            elif known := None if task.exception() else await self._pinned(file, task.result()):
                pinned.append(known)
            else:
                report.left_out.append(file.place)
        if pinned and not report.hashing:
            report.preset = _as_yaml(wanted, pinned)
        return report

    async def add(self, content: bytes) -> Preset:
        """Keep a definition; the same id again replaces one that was added before."""
        if len(content) > MAX_BYTES:
            raise InvalidRequest("A preset has less than 1 MiB.", code="too_large")
        preset = await asyncio.to_thread(_parsed, content)
        if self._catalogue.has(preset.id) and self._catalogue.get(preset.id).origin != Origin.ADDED:
            raise Conflict(
                f"The id {preset.id} belongs to a preset that comes with ComfyPod. Choose another one.",
                code="id_taken",
            )
        await asyncio.to_thread(self._write, preset.id, content)
        await self._catalogue.load()
        return preset

    async def add_from(self, url: str) -> Preset:
        return await self.add(await self._fetched(url))

    async def _fetched(self, url: str) -> bytes:
        content = b""
        try:
            with plain_faults():
                async with self._transport.open(url, {}) as response:
                    if response.status_code != 200:
                        raise UpstreamError(f"The server answered {response.status_code}. Check the address.")
                    async for block in response.aiter_bytes():
                        content += block
                        if len(content) > MAX_BYTES:
                            break
        except TransferFault as fault:
            raise UpstreamError(fault.message, code=fault.code) from None
        return content

    async def _pinned(self, file: ModelFile, sha256: str) -> PresetFile | None:
        url = await self._address_of(file, sha256)
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
        except ValueError:  # a name that our presets do not allow
            return None

    async def _address_of(self, file: ModelFile, sha256: str) -> str | None:
        """Where exactly this content came from. An address with a query may carry a secret, and stays here."""
        transfer = await self._downloads.latest(file.folder, file.filename)
        if (
            transfer
            and transfer.state == State.DONE
            and transfer.sha256 == sha256
            and "?" not in transfer.url
        ):
            return transfer.url
        offers = self._catalogue.files_named(file.filename)
        return next((str(offer.url) for _, offer in offers if offer.sha256 == sha256), None)

    def _write(self, preset_id: str, content: bytes) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        write_atomically(self._folder / f"{preset_id}.yaml", content)


def _parsed(content: bytes) -> Preset:
    try:
        return parse_preset("preset", content.decode(), Origin.ADDED)
    except UnicodeDecodeError:
        raise InvalidRequest("A preset is a text in YAML or JSON.", code="not_a_preset") from None
    except BadPreset as error:
        told = "; ".join(
            f"line {problem.line}: {problem.message}" if problem.line else problem.message
            for problem in error.problems[:5]
        )
        raise InvalidRequest(f"This is not a preset that can be used. {told}", code="not_a_preset") from None


def _as_yaml(wanted: ExportRequest, files: list[PresetFile]) -> str:
    about = wanted.model_dump(exclude={"files"}, exclude_defaults=False)
    pinned = [file.model_dump(mode="json", exclude={"alternatives"}) for file in files]
    return yaml.safe_dump(about | {"files": pinned}, sort_keys=False, allow_unicode=True)
