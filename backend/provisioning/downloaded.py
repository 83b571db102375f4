"""The presets and files of the document: the queue of downloads fetches and verifies them."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

from backend.core.errors import AppError
from backend.downloads.models import ACTIVE
from backend.downloads.models import State as TransferState
from backend.downloads.service import Downloads
from backend.presets.installed_files import installed_files_of
from backend.presets.models import PresetFile
from backend.presets.schemas import PresetState
from backend.presets.service import Presets, request_of
from backend.provisioning.models import OVER, Kind, State, Step, StepStatus
from backend.provisioning.records import Records
from backend.storage.service import Storage

if TYPE_CHECKING:
    from backend.provisioning.document import File

SEE_DOWNLOADS = "The Downloads page shows why. Correct it there, or run provisioning again."


class DownloadedSteps:
    """Requests missing files and follows their transfers until the files are on disk."""

    def __init__(self, presets: Presets, downloads: Downloads, storage: Storage):
        self._presets, self._downloads, self._storage = presets, downloads, storage
        self._records: Records | None = None
        self._steps: dict[str, Step] = {}
        self._statuses: dict[str, StepStatus] = {}
        self._apply: dict[Kind, Callable[[Step], Awaitable[StepStatus]]] = {
            Kind.PRESET: self._request_preset,
            Kind.FILE: self._request_file,
        }
        self._look: dict[Kind, Callable[[Step], Awaitable[StepStatus]]] = {
            Kind.PRESET: self._look_at_preset,
            Kind.FILE: self._look_at_file,
        }

    @property
    def statuses(self) -> list[StepStatus]:
        return list(self._statuses.values())

    @property
    def is_active(self) -> bool:
        return any(status.state not in OVER for status in self._statuses.values())

    async def begin(self, steps: Iterable[Step], records: Records, *, again: bool) -> None:
        """Apply these steps from now on. Without `again`, steps that were applied before are skipped."""
        self._records = records
        self._steps = {step.key: step for step in steps}
        applied = await asyncio.to_thread(
            lambda: {key for key, step in self._steps.items() if records.holds(step)}
        )
        self._statuses = {
            key: _status(step, State.UNCHANGED if key in applied and not again else State.WAITING)
            for key, step in self._steps.items()
        }

    async def advance(self) -> list[StepStatus]:
        """Start waiting steps, check running ones, and return the steps that have just ended."""
        ended = []
        for key, status in list(self._statuses.items()):
            if status.state in OVER:
                continue
            changed = await self._advanced(self._steps[key], status)
            self._statuses[key] = changed
            if changed.state == State.APPLIED:
                await self._record(self._steps[key])
            if changed.state in OVER:
                ended.append(changed)
        return ended

    async def _advanced(self, step: Step, status: StepStatus) -> StepStatus:
        do = self._apply if status.state == State.WAITING else self._look
        try:
            return await do[step.kind](step)
        except AppError as error:
            return _status(step, State.FAILED, error.message)

    async def _record(self, step: Step) -> None:
        if self._records:
            with contextlib.suppress(OSError):  # the step is applied again at the next start
                await asyncio.to_thread(self._records.save, step)

    async def _request_preset(self, step: Step) -> StepStatus:
        from backend.provisioning.steps import preset_of  # noqa: PLC0415 - only where there is a document

        preset = preset_of(step)
        await self._presets.catalogue.until_loaded()
        await self._presets.download(preset.id, allow_pickle=preset.allow_pickle)
        return await self._look_at_preset(step)

    async def _look_at_preset(self, step: Step) -> StepStatus:
        status = await self._presets.status(step.content["id"])
        if status.state == PresetState.INSTALLED:
            return _status(step, State.APPLIED)
        if status.state == PresetState.DOWNLOADING:
            return _status(step, State.RUNNING)
        missing = [file.file.place for file in status.files if file.state not in ("installed", "kept")]
        return _status(step, State.FAILED, f"Not downloaded: {', '.join(missing[:3])}. {SEE_DOWNLOADS}")

    async def _request_file(self, step: Step) -> StepStatus:
        from backend.provisioning.steps import file_of  # noqa: PLC0415 - as above

        chosen = file_of(step)
        file = _preset_file(chosen)
        found = (await installed_files_of(self._storage, [file])).files.get(file.place)
        if found and await self._storage.hash(found) == file.sha256:
            return _status(step, State.APPLIED)
        if found:
            reason = f"A different file is at {file.place}. Rename or delete it, then run provisioning again."
            return _status(step, State.FAILED, reason)
        if await self._presets.linked(file):
            return _status(step, State.APPLIED)
        await self._downloads.request(request_of(file, None, allow_pickle=chosen.allow_pickle))
        return await self._look_at_file(step)

    async def _look_at_file(self, step: Step) -> StepStatus:
        folder, _, name = step.content["destination"].rpartition("/")
        transfer = await self._downloads.latest(folder, name)
        if transfer and transfer.state == TransferState.DONE:
            return _status(step, State.APPLIED)
        if transfer and transfer.state in ACTIVE | {TransferState.PAUSED}:
            return _status(step, State.RUNNING)
        problem = transfer.problem.message if transfer and transfer.problem else SEE_DOWNLOADS
        return _status(step, State.FAILED, problem)


def _preset_file(file: "File") -> PresetFile:
    folder, _, name = file.destination.rpartition("/")
    return PresetFile.model_validate(
        {"folder": folder, "filename": name, "url": file.url, "sha256": file.sha256}
    )


def _status(step: Step, state: State, message: str = "") -> StepStatus:
    return replace(StepStatus(key=step.key, kind=step.kind, title=step.title), state=state, message=message)
