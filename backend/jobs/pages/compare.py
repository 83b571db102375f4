"""HTML route that shows two jobs side by side."""

from typing import Annotated, Any

from fastapi import Query, Request, Response

from backend.auth.principal import Scope
from backend.auth.routing import ProtectedRouter
from backend.jobs.dependencies import JobsService
from backend.jobs.inputs import inputs_of
from backend.jobs.models import Job
from backend.jobs.service import Jobs
from backend.jobs.views import JobRow, with_outputs
from backend.web.templating import renderer_of

router = ProtectedRouter(read=Scope.READ, write=Scope.RUN, include_in_schema=False)

JobId = Annotated[str, Query(max_length=64)]
MISSING = "–"


@router.get("/jobs/compare")
async def show(request: Request, jobs: JobsService, a: JobId, b: JobId) -> Response:
    first, second = [await jobs.get(job_id) for job_id in (a, b)]
    rows = await with_outputs(jobs, [first, second])
    view = {
        "rows": rows,
        "values": differing(await _values(jobs, first), await _values(jobs, second)),
        "pictures": [_first_picture(row) for row in rows],
    }
    return renderer_of(request).page(request, "jobs/compare.html", view)


def differing(first: dict[str, Any], second: dict[str, Any]) -> list[tuple[str, Any, Any, bool]]:
    """Return label, both values, and whether they differ, for each input; those that differ come first."""
    labels = list(dict.fromkeys([*first, *second]))
    rows = [(label, first.get(label, MISSING), second.get(label, MISSING)) for label in labels]
    marked = [(label, one, other, one != other) for label, one, other in rows]
    return sorted(marked, key=lambda row: not row[3])


async def _values(jobs: Jobs, job: Job) -> dict[str, Any]:
    """Return the value of each input of a job, as it ran."""
    attempts = await jobs.attempts(job.id)
    rolled = attempts[-1].values if attempts else {}
    prompt = (await jobs.prompt_of(job)).prompt
    values = {item.address: (f"{item.node}: {item.name}", item.value) for item in inputs_of(prompt)}
    return {label: rolled.get(address, value) for address, (label, value) in values.items()}


def _first_picture(row: JobRow) -> int | None:
    return next((number for number, output in enumerate(row.outputs) if output.kind == "image"), None)
