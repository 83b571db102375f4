"""HTML routes of the buttons. They trigger an event, upon which the page reads again what it shows."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Literal

from fastapi import Form, Request, Response
from pydantic import BaseModel, Field

from backend.auth.dependencies import CurrentPrincipal
from backend.auth.principal import Scope
from backend.auth.routing import ProtectedRouter
from backend.core.errors import InvalidRequest
from backend.jobs.dependencies import JobsService, OrderingService, RerunsService, SelectionService
from backend.jobs.inputs import edited_values
from backend.jobs.models import DEFAULT_PRIORITY, HIGHEST_PRIORITY, LOWEST_PRIORITY, Job
from backend.jobs.schemas import ChangeRequest
from backend.web import htmx

router = ProtectedRouter(
    read=Scope.READ, write=Scope.RUN, include_in_schema=False, route_class=htmx.PageRoute
)

MOST_SELECTED = 1000
MOST_VARIATIONS = 100
MOST_FIELDS = 5000
# A prompt that is edited may be as long as the request.
LONGEST_FIELD = 1_000_000

ForAll = Literal["pause", "resume"]
ForSelected = Literal["first", "last", "cancel", "retry", "priority"]
ForOne = Literal["cancel", "retry", "next"]

Neighbour = Annotated[str, Form(max_length=64)]


class SelectedJobs(BaseModel):
    """The selected rows of a list."""

    id: list[str] = Field(default_factory=list, max_length=MOST_SELECTED)
    priority: int = Field(default=DEFAULT_PRIORITY, ge=HIGHEST_PRIORITY, le=LOWEST_PRIORITY)


@router.post("/jobs/{action}")
async def control_queue(action: ForAll, jobs: JobsService) -> Response:
    await (jobs.pause() if action == "pause" else jobs.resume())
    return changed()


@router.post("/jobs/selected/{action}")
async def control_selected(
    action: ForSelected, form: Annotated[SelectedJobs, Form()], jobs: JobsService, selection: SelectionService
) -> Response:
    """Apply an action to every selected job that it is possible for, and say for how many it was not."""
    if not form.id:
        raise InvalidRequest("Select at least one job.", code="nothing_selected")
    if action in ("first", "last"):
        await jobs.move(form.id, first=action == "first")
        return changed()
    actions: dict[str, Callable[[], Awaitable[int]]] = {
        "cancel": lambda: selection.cancel(form.id),
        "retry": lambda: selection.retry(form.id),
        "priority": lambda: selection.set_priority(form.id, form.priority),
    }
    skipped = len(form.id) - await actions[action]()
    if not skipped:
        return changed()
    message = f"{skipped} of {len(form.id)} jobs had moved on in the meantime and were left as they are."
    return htmx.with_toast(changed(), "info", message)


@router.post("/jobs/{job_id}/place")
async def place(
    job_id: str, ordering: OrderingService, before: Neighbour = "", after: Neighbour = ""
) -> Response:
    """Put a job just before or just after another one."""
    if before:
        await ordering.place_before([job_id], before)
    else:
        await ordering.place_after([job_id], after)
    return changed()


@router.post("/jobs/{job_id}/again")
async def run_again(job_id: str, reruns: RerunsService, principal: CurrentPrincipal) -> Response:
    return _to(await reruns.again(job_id, principal.label))


@router.post("/jobs/{job_id}/vary")
async def vary(
    job_id: str,
    reruns: RerunsService,
    principal: CurrentPrincipal,
    count: Annotated[int, Form(ge=1, le=MOST_VARIATIONS)] = 1,
) -> Response:
    """Run a job again with other seeds, once or several times."""
    new = await reruns.with_new_seeds(job_id, principal.label, count)
    return _to(new[0])


@router.post("/jobs/{job_id}/edited")
async def run_edited(
    job_id: str, request: Request, reruns: RerunsService, principal: CurrentPrincipal
) -> Response:
    return _to(await reruns.edited(job_id, await _texts(request), principal.label))


@router.post("/jobs/{job_id}/values")
async def change_values(job_id: str, request: Request, jobs: JobsService) -> Response:
    """Change name, priority and values of a job that has not started."""
    job = await jobs.get(job_id)
    texts = await _texts(request)
    changes = ChangeRequest(
        name=texts.pop("name", "").strip() or job.name,
        priority=_priority(texts.pop("priority", str(job.priority))),
        values=edited_values((await jobs.prompt(job)).prompt, job.values, texts),
    )
    await jobs.change(job_id, changes)
    return htmx.with_toast(changed(), "success", "Saved. The job runs with these values.")


@router.post("/jobs/{job_id}/{action}")
async def control_one(job_id: str, action: ForOne, jobs: JobsService) -> Response:
    actions: dict[ForOne, Callable[[str], Awaitable[object]]] = {
        "cancel": jobs.cancel,
        "retry": jobs.retry,
        "next": jobs.run_next,
    }
    await actions[action](job_id)
    return changed()


async def _texts(request: Request) -> dict[str, str]:
    async with request.form(max_files=0, max_fields=MOST_FIELDS, max_part_size=LONGEST_FIELD) as form:
        return {name: value for name, value in form.items() if isinstance(value, str)}


def _priority(text: str) -> int:
    if text.isdecimal() and HIGHEST_PRIORITY <= int(text[:6]) <= LOWEST_PRIORITY:
        return int(text)
    raise InvalidRequest(
        f"The priority is a whole number from {HIGHEST_PRIORITY} (next) to {LOWEST_PRIORITY} (last).",
        code="invalid_priority",
    )


def _to(job: Job) -> Response:
    """Go to the page of a new job, or of its batch."""
    address = f"/batches/{job.batch_id}" if job.batch_id else f"/jobs/{job.id}"
    return Response(status_code=204, headers={"HX-Redirect": address})


def changed() -> Response:
    return htmx.with_event(Response(status_code=204), "jobs-changed")
