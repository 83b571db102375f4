"""HTML routes of the queue's settings: quiet hours, limits, what happens after a crash."""

from typing import Annotated, Any

from fastapi import Form, Request, Response
from pydantic import BaseModel, Field, ValidationError

from backend.auth.principal import Scope
from backend.auth.routing import ProtectedRouter
from backend.core.errors import InvalidRequest
from backend.jobs.dependencies import JobsService
from backend.jobs.queue_settings import MAX_UNFINISHED, AfterCrash, QueueSettingsChange
from backend.web import htmx
from backend.web.templating import renderer_of

router = ProtectedRouter(
    read=Scope.READ, write=Scope.ADMIN, include_in_schema=False, route_class=htmx.PageRoute
)

Short = Annotated[str, Field(max_length=100)]


class SettingsForm(BaseModel):
    """The fields of the form, as texts."""

    quiet: bool = False
    quiet_start: Short = ""
    quiet_end: Short = ""
    quiet_zone: Short = ""
    comfyui_first: bool = False
    after_crash: AfterCrash = AfterCrash.AS_BEFORE
    max_jobs: Short = ""
    max_jobs_per_key: Short = ""
    webhook_allowed_hosts: str = Field(default="", max_length=20_000)


@router.get("/jobs/settings")
async def show(request: Request, jobs: JobsService) -> Response:
    view = {"settings": jobs.policy.current, "most": MAX_UNFINISHED}
    return renderer_of(request).page(request, "jobs/settings.html", view)


@router.post("/jobs/settings")
async def save(form: Annotated[SettingsForm, Form()], jobs: JobsService) -> Response:
    try:
        request = QueueSettingsChange.model_validate(_changes(form))
    except ValidationError as error:
        raise InvalidRequest(_message(error), code="invalid_settings") from None
    await jobs.change_settings(request)
    return htmx.with_toast(Response(status_code=204), "success", "Saved. The settings apply from now on.")


def _changes(form: SettingsForm) -> dict[str, Any]:
    quiet = {"start": form.quiet_start, "end": form.quiet_end, "time_zone": form.quiet_zone}
    return {
        "quiet_hours": quiet if form.quiet else None,
        "comfyui_first": form.comfyui_first,
        "after_crash": form.after_crash,
        "max_jobs": form.max_jobs or MAX_UNFINISHED,
        "max_jobs_per_key": form.max_jobs_per_key or None,
        "webhook_allowed_hosts": form.webhook_allowed_hosts.split(),
    }


def _message(error: ValidationError) -> str:
    """Return the first problem as a sentence."""
    problem = error.errors(include_input=False)[0]
    field = " ".join(str(part) for part in problem["loc"]).replace("_", " ")
    return f"{field.capitalize()}: {problem['msg'].removeprefix('Value error, ')}."
