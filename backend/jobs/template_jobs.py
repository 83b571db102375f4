"""Makes jobs from a template and a form: values, runs, and inputs that vary."""

import asyncio
import itertools
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from backend.core.errors import InvalidRequest
from backend.jobs.models import DEFAULT_PRIORITY, Job
from backend.jobs.schemas import MAX_JOBS_AT_ONCE, JobRequest, SubmitRequest
from backend.jobs.service import Jobs
from backend.templates.models import Template
from backend.templates.preparation import Preparation
from backend.templates.service import Templates

RANGE = re.compile(r"\s*(-?\d{1,18})\.\.(-?\d{1,18})\s*")


@dataclass(frozen=True, kw_only=True)
class Order:
    """What a form asks for. All values are texts."""

    name: str = ""
    priority: int = DEFAULT_PRIORITY
    # Jobs for each combination, with a seed of their own.
    runs: int = 1
    values: Mapping[str, str] = field(default_factory=dict)
    # Inputs that vary: their values, one a line, or a range such as `1..20`.
    axes: Mapping[str, str] = field(default_factory=dict)
    download_models: bool = False
    allow_pickle: bool = False


class TemplateJobs:
    """Submits jobs for every combination of the values."""

    def __init__(self, jobs: Jobs, templates: Templates):
        self._jobs = jobs
        self._templates = templates

    async def submit(self, template: Template, order: Order, principal: str) -> list[Job]:
        """Queue all jobs or none. Raise InvalidRequest that names the input whose value does not fit."""
        axes = {name: list_of(text) for name, text in order.axes.items()}
        count = order.runs * math.prod(len(values) for values in axes.values())
        if count > MAX_JOBS_AT_ONCE:
            message = (
                f"This makes {count} jobs; at most {MAX_JOBS_AT_ONCE} are queued at once. Use fewer values."
            )
            raise InvalidRequest(message, code="too_many_jobs")
        preparation = await self._templates.preparation(template)
        runs = await asyncio.to_thread(lambda: list(_runs(template, order, axes, preparation)))
        request = SubmitRequest(
            prompt=preparation.prompt,
            workflow=preparation.workflow,
            template=template.id[:200],
            download_models=order.download_models,
            allow_pickle=order.allow_pickle,
            jobs=runs,
        )
        return await self._jobs.submit(request, principal)


def _runs(
    template: Template, order: Order, axes: Mapping[str, Sequence[str]], preparation: Preparation
) -> Iterator[JobRequest]:
    seeds: Mapping[str, int] = {}
    for combination in itertools.product(*axes.values()):
        resolved = preparation.resolved({**order.values, **dict(zip(axes, combination, strict=True))})
        preparation.check_required(resolved)
        for _ in range(order.runs):
            prepared = preparation.prepare(resolved, seeds or None, repeated=order.runs > 1)
            seeds = {**seeds, **prepared.seeds}
            name = (order.name or template.title)[:200]
            yield JobRequest(name=name, values=dict(prepared.values), priority=order.priority)


def list_of(text: str) -> list[str]:
    """Return the values in a text: one a line, or the whole numbers of a range such as `1..20`."""
    limits = RANGE.fullmatch(text)
    if limits is None:
        values = [line.strip() for line in text.splitlines() if line.strip()]
    else:
        first, last = int(limits[1]), int(limits[2])
        step = 1 if last >= first else -1
        if abs(last - first) >= MAX_JOBS_AT_ONCE:
            raise InvalidRequest(
                f"{text.strip()} has more than {MAX_JOBS_AT_ONCE} values.", code="too_many_jobs"
            )
        values = [str(number) for number in range(first, last + step, step)]
    if not values:
        raise InvalidRequest(
            "An input that varies has no values. Enter one a line, or a range.", code="invalid_grid"
        )
    return values
