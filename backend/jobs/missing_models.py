"""The model files that jobs need and that are missing: finds them, and starts the transfers that download them."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from backend.core.errors import AppError, Conflict, InvalidRequest
from backend.core.formatting import format_bytes
from backend.downloads.service import Downloads
from backend.jobs.changes import PromptContent
from backend.jobs.models import Prompt
from backend.jobs.values import with_values
from backend.presets.requirements import Requirements
from backend.presets.schemas import Availability, RequiredFile
from backend.workflows.api_format import read_api
from backend.workflows.parsing import as_dict
from backend.workflows.reader import workflow_of
from backend.workflows.requirements import (
    DeclaredModel,
    GraphRequirements,
    is_model_file,
    requirements_of,
)

MISSING = "missing_models"
# Values of one job that choose models, sorted by input.
Choices = tuple[tuple[str, str], ...]
Transfers = tuple[str, ...]


class MissingModels(Protocol):
    """What the queue does about missing models before it accepts a job."""

    async def prepare(
        self,
        content: PromptContent,
        values: Sequence[Mapping[str, Any]],
        *,
        download: bool,
        allow_pickle: bool = False,
    ) -> list[Transfers]:
        """Return the transfers that each job of a batch waits for, in the order of `values`."""
        ...

    async def retry(self, transfers: Transfers) -> None:
        """Restart transfers that have stopped."""
        ...


class UncheckedModels:
    """For a queue without downloads: ComfyUI alone decides whether a model is missing."""

    async def prepare(
        self,
        content: PromptContent,  # noqa: ARG002
        values: Sequence[Mapping[str, Any]],
        *,
        download: bool,  # noqa: ARG002
        allow_pickle: bool = False,  # noqa: ARG002
    ) -> list[Transfers]:
        return [()] * len(values)

    async def retry(self, transfers: Transfers) -> None:
        pass


class MissingModelDownloads:
    """Compares the prompts of jobs with the models on this pod, and downloads those that are missing."""

    def __init__(self, requirements: Requirements, downloads: Downloads):
        self._requirements = requirements
        self._downloads = downloads

    async def prepare(
        self,
        content: PromptContent,
        values: Sequence[Mapping[str, Any]],
        *,
        download: bool,
        allow_pickle: bool = False,
    ) -> list[Transfers]:
        """Return the transfers that each job waits for; start them where `download` is set.

        Raise Conflict, which lists the files, when one is missing that is not being downloaded.
        """
        batch = await asyncio.to_thread(_read, content, values)
        missing = await self._requirements.missing(batch.requirements)
        if not missing:
            return [()] * len(values)
        _check_sources(missing, download=download)
        if any(file.state != Availability.COMING for file in missing):
            await self._download(batch.requirements, allow_pickle=allow_pickle)
            missing = await self._requirements.missing(batch.requirements)
        transfers = {file.filename: file.transfer for file in missing}
        return [_of_names(transfers, batch.files[choices]) for choices in batch.choices]

    async def _download(self, requirements: GraphRequirements, *, allow_pickle: bool) -> None:
        report = await self._requirements.fetch_missing(requirements, allow_pickle=allow_pickle)
        if report.refused:
            refusal = report.refused[0]
            raise Conflict(
                f"{refusal.filename}, which the workflow needs, cannot be downloaded: {refusal.message}",
                code=MISSING,
            )

    async def retry(self, transfers: Transfers) -> None:
        for transfer_id in transfers:
            try:
                await self._downloads.retry(transfer_id)
            except AppError:  # finished, or removed from the history: `prepare` finds out what is missing now
                continue


@dataclass(frozen=True, kw_only=True)
class _Batch:
    # Of all jobs together.
    requirements: GraphRequirements
    # Of each job.
    choices: list[Choices]
    # File names, by what chooses them.
    files: dict[Choices, frozenset[str]]


def _read(content: PromptContent, values: Sequence[Mapping[str, Any]]) -> _Batch:
    """Read what the jobs of a batch need. Jobs that choose the same models share the work."""
    choices = [_choices(chosen) for chosen in values]
    each = {chosen: _requirements_of(content.prompt, chosen) for chosen in dict.fromkeys(choices)}
    together = GraphRequirements(declared=_declared(content.workflow))
    for needed in each.values():
        together.choices = list(dict.fromkeys([*together.choices, *needed.choices]))
        together.node_types |= needed.node_types
    files = {
        chosen: frozenset(choice.filename for choice in needed.choices) for chosen, needed in each.items()
    }
    return _Batch(requirements=together, choices=choices, files=files)


def _choices(values: Mapping[str, Any]) -> Choices:
    return tuple(
        sorted(
            (name, value) for name, value in values.items() if isinstance(value, str) and is_model_file(value)
        )
    )


def _requirements_of(prompt: Prompt, chosen: Choices) -> GraphRequirements:
    return requirements_of(read_api(with_values(prompt, dict(chosen))))


def _declared(workflow: dict[str, Any] | None) -> dict[str, DeclaredModel]:
    """Return the sources that the author of the graph wrote down; none where it cannot be read."""
    if not as_dict(workflow):
        return {}
    try:
        return requirements_of(workflow_of(workflow)).declared
    except InvalidRequest:
        return {}


def _of_names(transfers: Mapping[str, str | None], names: Iterable[str]) -> Transfers:
    return tuple(dict.fromkeys(found for name in sorted(names) if (found := transfers.get(name))))


def _check_sources(missing: Sequence[RequiredFile], *, download: bool) -> None:
    """Raise Conflict when a file is missing that is neither on its way nor may be downloaded."""
    obtainable = (Availability.COMING, Availability.FETCHABLE, Availability.SAME_CONTENT)
    unknown = [file for file in missing if file.state not in obtainable]
    absent = [file for file in missing if file.state != Availability.COMING]
    if unknown:
        raise _missing(unknown, "No source is known for it. Install it, then submit again.")
    if absent and not download:
        raise _missing(absent, "Submit again with `download_models` to download what is missing.")


def _missing(files: Sequence[RequiredFile], advice: str) -> Conflict:
    listed = [_described(file) for file in files]
    names = ", ".join(listed[:5]) + (f" and {len(listed) - 5} more" if len(listed) > 5 else "")
    return Conflict(
        f"The workflow needs models that are not on this pod: {names}. {advice}",
        code=MISSING,
        files=listed,
        bytes_to_fetch=sum(file.bytes or 0 for file in files),
        sizes_unknown=sum(file.bytes is None for file in files),
    )


def _described(file: RequiredFile) -> str:
    place = f"{file.folder}/{file.filename}" if file.folder else file.filename
    return f"{place} ({format_bytes(file.bytes)})" if file.bytes else place
