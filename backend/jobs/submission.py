"""Jobs from templates: values by name, grids and repeated runs become one batch."""

import asyncio
import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from backend.comfy.errors import Unreachable
from backend.core.errors import InvalidRequest
from backend.jobs.grid import axes_of, cells_of, count_cells
from backend.jobs.models import Axis, Job, JobSource, Origin
from backend.jobs.schemas import MAX_JOBS_AT_ONCE, JobRequest, SubmitRequest, TemplateRequest
from backend.jobs.service import Jobs
from backend.templates.models import Template
from backend.templates.preparation import Preparation
from backend.templates.service import Templates


@dataclass(frozen=True, kw_only=True)
class Draft:
    """Checked jobs of a template that are not in the queue yet."""

    request: SubmitRequest
    origin: Origin


@dataclass(frozen=True, kw_only=True)
class _Drafts:
    """The jobs of a request, and where each is in the grid."""

    prompt: dict[str, Any]
    workflow: dict[str, Any] | None
    jobs: list[JobRequest]
    origin: Origin


class Submission:
    """Queues jobs for requests of both kinds: a prompt, or a template with values."""

    def __init__(self, jobs: Jobs, templates: Templates):
        self._jobs = jobs
        self._templates = templates

    async def submit(
        self, request: SubmitRequest | TemplateRequest, principal: str, source: JobSource = JobSource.API
    ) -> list[Job]:
        """Queue all jobs of a request or none."""
        if isinstance(request, SubmitRequest):
            return await self._jobs.submit(request, principal, source)
        return await self.submit_template(request, principal, source)

    async def submit_template(
        self, request: TemplateRequest, principal: str, source: JobSource = JobSource.API
    ) -> list[Job]:
        """Queue the jobs of a template. While ComfyUI does not answer, they wait, and their values are checked later."""
        return await self.queue(await self.draft(request), principal, source)

    async def queue(self, draft: Draft, principal: str, source: JobSource = JobSource.API) -> list[Job]:
        """Queue all jobs of a draft or none."""
        return await self._jobs.submit(draft.request, principal, source, draft.origin)

    async def draft(self, request: TemplateRequest) -> Draft:
        """Return the jobs of a template without queueing them. Raise AppError for values that do not fit."""
        axes = axes_of(request.grid, MAX_JOBS_AT_ONCE)
        sizes = [len(axis.values) for axis in axes]
        count_cells([len(request.jobs), request.runs, *sizes], MAX_JOBS_AT_ONCE)
        template = await self._template(request)
        try:
            preparation = await self._templates.preparation(template)
        except Unreachable:
            drafts = await asyncio.to_thread(_unprepared, request, template, axes)
        else:
            drafts = await asyncio.to_thread(_prepared, request, template, axes, preparation)
        submitted = SubmitRequest(
            prompt=drafts.prompt,
            workflow=drafts.workflow,
            template=template.id,
            jobs=drafts.jobs,
            download_models=request.download_models,
            allow_pickle=request.allow_pickle,
            webhook=request.webhook,
        )
        return Draft(request=submitted, origin=drafts.origin)

    async def _template(self, request: TemplateRequest) -> Template:
        if request.template_id is not None:
            return await self._templates.get(request.template_id)
        template = await self._templates.of_document(request.document or {})
        name = request.template or template.title
        return replace(template, id=name, title=name)


def _prepared(
    request: TemplateRequest, template: Template, axes: tuple[Axis, ...], preparation: Preparation
) -> _Drafts:
    """Return jobs with values by `NODE.INPUT` and a seed of their own each."""
    axes = tuple(_typed(axis, request.grid[axis.input], preparation) for axis in axes)
    shared = preparation.resolved(request.values)
    cells = [(cell, preparation.resolved(cell)) for cell in cells_of(axes)]
    jobs, places = [], []
    seeds: Mapping[str, int] = {}
    for pattern, own in zip(request.jobs, _own_values(request.jobs, preparation), strict=True):
        preparation.check_required({**shared, **own, **cells[0][1]})
        numbers = itertools.count(1)
        for (cell, values), _ in itertools.product(cells, range(request.runs)):
            prepared = preparation.prepare(
                {**shared, **own, **values}, seeds or None, repeated=request.runs > 1
            )
            seeds = {**seeds, **prepared.seeds}
            jobs.append(_draft(pattern, template, prepared.values, next(numbers)))
            places.append(cell)
    origin = Origin(template_version=template.version, axes=axes, cells=tuple(places))
    return _Drafts(prompt=preparation.prompt, workflow=preparation.workflow, jobs=jobs, origin=origin)


def _own_values(patterns: list[JobRequest], preparation: Preparation) -> Iterator[dict[str, Any]]:
    """Yield the checked values of each job; an error names the job by its number."""
    for number, pattern in enumerate(patterns, start=1):
        try:
            yield preparation.resolved(pattern.values)
        except InvalidRequest as error:
            if len(patterns) == 1:
                raise
            raise InvalidRequest(
                f"Job {number}: {error.message}", code=error.error_code, **{**error.details, "job": number}
            ) from None


def _typed(axis: Axis, given: Any, preparation: Preparation) -> Axis:
    """Return the axis with a text that looks like a range as text, if its input takes texts."""
    if isinstance(given, str) and preparation.takes_text(axis.input):
        return replace(axis, values=(given,))
    return axis


def _unprepared(request: TemplateRequest, template: Template, axes: tuple[Axis, ...]) -> _Drafts:
    """Return jobs with values as they were given. Only ComfyUI knows what they may be."""
    jobs, places = [], []
    for pattern in request.jobs:
        numbers = itertools.count(1)
        for cell, _ in itertools.product(cells_of(axes), range(request.runs)):
            values = {**request.values, **pattern.values, **cell}
            missing = [name for name in template.required_inputs if name not in values]
            if missing:
                raise InvalidRequest(
                    f"`{template.id}` needs the input `{missing[0]}`.", code="missing_input", input=missing[0]
                )
            jobs.append(_draft(pattern, template, values, next(numbers)))
            places.append(cell)
    origin = Origin(template_version=template.version, axes=axes, cells=tuple(places), prepared=False)
    return _Drafts(prompt={}, workflow=template.document, jobs=jobs, origin=origin)


def _draft(pattern: JobRequest, template: Template, values: Mapping[str, Any], number: int) -> JobRequest:
    """Return one job of a pattern. Its key, if any, is the pattern's with the number of the job."""
    key = pattern.idempotency_key
    changes = {
        "name": pattern.name or template.title[:200],
        "values": dict(values),
        "idempotency_key": f"{key}#{number}" if key and number > 1 else key,
    }
    return pattern.model_copy(update=changes)
