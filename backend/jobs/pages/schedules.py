"""HTML routes of schedules: the list, the form, and the buttons."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import Query, Request, Response
from fastapi.responses import RedirectResponse
from pydantic import BaseModel, Field, ValidationError

from backend.auth.principal import Scope
from backend.auth.routing import ProtectedRouter
from backend.core import clock
from backend.core.errors import AppError, InvalidRequest
from backend.jobs.dependencies import JobsService
from backend.jobs.models import DEFAULT_PRIORITY, JobState
from backend.jobs.pages.template_form import VALUE, Forms, fields_of
from backend.jobs.queue_settings import TimeZone, zone_of
from backend.jobs.schedules.api import RunsService, SchedulesService
from backend.jobs.schedules.cron import Cron, in_words, next_times
from backend.jobs.schedules.models import Schedule, ScheduleChange, ScheduleRequest
from backend.jobs.schemas import MAX_TEMPLATE_ID
from backend.web import htmx
from backend.web.templating import renderer_of

router = ProtectedRouter(
    read=Scope.READ, write=Scope.RUN, include_in_schema=False, route_class=htmx.PageRoute
)

# How many of the next runs the form shows.
UPCOMING = 5

Chosen = Annotated[str, Query(max_length=MAX_TEMPLATE_ID)]
Action = Literal["run", "pause", "resume", "delete"]


@dataclass(frozen=True, kw_only=True)
class ScheduleRow:
    """A schedule in the list."""

    schedule: Schedule
    words: str
    # The newest runs that are still known, the oldest first.
    runs: tuple[tuple[str, JobState], ...]
    next_run_at: datetime | None

    @property
    def next_run(self) -> str:
        return _moment(self.next_run_at, self.schedule.time_zone) if self.next_run_at else ""

    @property
    def seconds_left(self) -> float:
        return max(0.0, (self.next_run_at - clock.now()).total_seconds()) if self.next_run_at else 0.0


class WhenForm(BaseModel):
    """The fields of the form apart from the template's inputs."""

    name: str = Field(min_length=1, max_length=100)
    cron: Cron
    time_zone: TimeZone = ""
    priority: int = DEFAULT_PRIORITY
    download_models: bool = False


class Preview(BaseModel):
    cron: str = Field(default="", max_length=200)
    time_zone: str = Field(default="", max_length=100)


@router.get("/jobs/schedules")
async def show_list(request: Request, schedules: SchedulesService, jobs: JobsService) -> Response:
    found = schedules.all()
    states = await jobs.states([job_id for schedule in found for job_id in schedule.recent_job_ids])
    view = {"rows": [_row(schedule, states) for schedule in found]}
    template = "jobs/_schedules.html" if htmx.wants_fragment(request) else "jobs/schedules.html"
    return renderer_of(request).page(request, template, view)


@router.get("/jobs/schedules/new")
async def show_new(request: Request, forms: Forms, template: Chosen = "") -> Response:
    """Show the form of a new schedule. Without a template, one is chosen first."""
    if not template:
        return RedirectResponse("/jobs/new?purpose=schedule")
    view = await forms.view(await forms.templates.get(template))
    return renderer_of(request).page(request, "jobs/schedule_form.html", {**view, "schedule": None})


@router.post("/jobs/schedules/new")
async def add(request: Request, schedules: SchedulesService, forms: Forms, template: Chosen) -> Response:
    when, texts = await _when(request)
    found = await forms.templates.get(template)
    values = await forms.changed_values(found, texts)
    await schedules.add(ScheduleRequest(**when.model_dump(), template_id=found.id, values=values))
    return Response(status_code=204, headers={"HX-Redirect": "/jobs/schedules"})


@router.get("/jobs/schedules/preview")
async def show_preview(request: Request, query: Annotated[Preview, Query()]) -> Response:
    """Explain a cron expression, and show its next times."""
    view: dict[str, Any] = {"problem": None, "words": "", "times": []}
    try:
        when = WhenForm(name="preview", cron=query.cron, time_zone=query.time_zone)
    except ValidationError as error:
        view["problem"] = _message(error)
    else:
        view["words"] = in_words(when.cron)
        times = next_times(when.cron, when.time_zone, clock.now(), UPCOMING)
        view["times"] = [_moment(time, when.time_zone) for time in times]
    return renderer_of(request).page(request, "jobs/_schedule_preview.html", view)


@router.get("/jobs/schedules/{schedule_id}")
async def show(schedule_id: str, request: Request, schedules: SchedulesService, forms: Forms) -> Response:
    """Show the form of a schedule. Where its template is gone, only the times can be changed."""
    schedule = schedules.get(schedule_id)
    view: dict[str, Any] = {"template": None, "inputs": {}, "problem": None, "missing_files": set()}
    if schedule.template_id:
        try:
            view = await forms.view(await forms.templates.get(schedule.template_id), schedule.values)
        except AppError as error:
            view["problem"] = error.message
    return renderer_of(request).page(request, "jobs/schedule_form.html", {**view, "schedule": schedule})


@router.post("/jobs/schedules/{schedule_id}")
async def save(schedule_id: str, request: Request, schedules: SchedulesService, forms: Forms) -> Response:
    schedule = schedules.get(schedule_id)
    when, texts = await _when(request)
    shown = {name.removeprefix(VALUE) for name in texts if name.startswith(VALUE)}
    # Values of inputs that the form does not show stay.
    values = {name: value for name, value in schedule.values.items() if name not in shown}
    if schedule.template_id and shown:
        template = await forms.templates.get(schedule.template_id)
        values |= await forms.changed_values(template, texts)
    await schedules.change(schedule_id, ScheduleChange(**when.model_dump(), values=values))
    return Response(status_code=204, headers={"HX-Redirect": "/jobs/schedules"})


@router.post("/jobs/schedules/{schedule_id}/{action}")
async def control(
    schedule_id: str, action: Action, schedules: SchedulesService, runs: RunsService
) -> Response:
    changed = htmx.with_event(Response(status_code=204), "schedules-changed")
    if action == "run":
        job = await runs.run_now(schedule_id)
        return htmx.with_toast(changed, "success", f"{job.name} is queued.")
    actions: dict[str, Callable[[], Awaitable[object]]] = {
        "pause": lambda: schedules.change(schedule_id, ScheduleChange(paused=True)),
        "resume": lambda: schedules.change(schedule_id, ScheduleChange(paused=False)),
        "delete": lambda: schedules.remove(schedule_id),
    }
    await actions[action]()
    return changed


def _row(schedule: Schedule, states: Mapping[str, JobState]) -> ScheduleRow:
    return ScheduleRow(
        schedule=schedule,
        words=in_words(schedule.cron),
        runs=tuple(
            (job_id, states[job_id]) for job_id in reversed(schedule.recent_job_ids) if job_id in states
        ),
        next_run_at=None if schedule.paused else schedule.due_at,
    )


def _moment(moment: datetime, time_zone: str) -> str:
    """Return a time in the zone of its schedule: `Sat 28 Nov, 03:00`."""
    return f"{moment.astimezone(zone_of(time_zone)):%a %d %b, %H:%M}"


async def _when(request: Request) -> tuple[WhenForm, dict[str, str]]:
    texts, _ = await fields_of(request)
    try:
        return WhenForm.model_validate({**texts, "name": texts.get("name", "").strip()}), texts
    except ValidationError as error:
        raise InvalidRequest(_message(error), code="invalid_schedule") from None


def _message(error: ValidationError) -> str:
    """Return the first problem as a sentence."""
    problem = error.errors(include_input=False)[0]
    text = problem["msg"].removeprefix("Value error, ")
    field = str(problem["loc"][0]).replace("_", " ")
    return f"{field.capitalize()}: {text}."
