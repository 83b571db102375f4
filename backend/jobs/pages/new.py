"""HTML routes for new jobs: choose a template, fill in its form, submit."""

from typing import Annotated, Literal

from fastapi import Query, Request, Response
from pydantic import BaseModel, Field, JsonValue, ValidationError

from backend.auth.dependencies import CurrentPrincipal
from backend.auth.principal import Scope
from backend.auth.routing import ProtectedRouter
from backend.core.errors import InvalidRequest
from backend.jobs.dependencies import EstimatesService, SubmissionService
from backend.jobs.grid import is_range
from backend.jobs.models import DEFAULT_PRIORITY, HIGHEST_PRIORITY, LOWEST_PRIORITY, JobSource
from backend.jobs.pages.template_form import Forms, fields_of
from backend.jobs.schemas import MAX_JOBS_AT_ONCE, MAX_TEMPLATE_ID, JobRequest, TemplateRequest
from backend.system.price_api import PodPriceService
from backend.templates.dependencies import TemplatesService
from backend.templates.service import TemplateFilter
from backend.web import htmx
from backend.web.templating import renderer_of

router = ProtectedRouter(
    read=Scope.READ, write=Scope.RUN, include_in_schema=False, route_class=htmx.PageRoute
)

SHOWN = 60

TemplateId = Annotated[str, Query(max_length=MAX_TEMPLATE_ID)]
Chosen = Annotated[str, Query(min_length=1, max_length=MAX_TEMPLATE_ID)]


class TemplateQuery(BaseModel):
    """Which template, or which templates are listed to choose from."""

    template: str = Field(default="", max_length=MAX_TEMPLATE_ID)
    q: str = Field(default="", max_length=200)
    media: Literal["", "image", "video", "audio", "3d", "text"] = ""
    # What it is chosen for; the empty text stands for running it.
    purpose: Literal["", "schedule"] = ""


class OrderForm(BaseModel):
    """The fields of the form apart from the template's inputs."""

    name: str = Field(default="", max_length=200)
    priority: int = Field(default=DEFAULT_PRIORITY, ge=HIGHEST_PRIORITY, le=LOWEST_PRIORITY)
    runs: int = Field(default=1, ge=1, le=MAX_JOBS_AT_ONCE)
    axis: list[str] = Field(default_factory=list, max_length=8)
    axis_values: list[str] = Field(default_factory=list, max_length=8)
    download_models: bool = False
    allow_pickle: bool = False


@router.get("/jobs/new")
async def show(
    request: Request,
    forms: Forms,
    estimates: EstimatesService,
    price: PodPriceService,
    query: Annotated[TemplateQuery, Query()],
) -> Response:
    if query.template:
        view = await forms.view(await forms.templates.get(query.template))
        view["expected"] = await estimates.of_template(view["template"].id)
        view["price"] = price.price
        return renderer_of(request).page(request, "jobs/new_form.html", view)
    wanted = TemplateFilter(q=query.q, media_type=query.media or None, paid=False)
    found = await forms.templates.search(wanted)
    name = "jobs/_templates.html" if htmx.wants_fragment(request) else "jobs/new.html"
    listed = {"found": len(found), "shown": found[:SHOWN], "query": query}
    return renderer_of(request).page(request, name, listed)


@router.get("/jobs/new/requirements")
async def show_requirements(request: Request, templates: TemplatesService, template: TemplateId) -> Response:
    """Show the models that are missing. The form does not wait for them."""
    requirements = await templates.requirements(await templates.get(template))
    view = {"requirements": requirements}
    return renderer_of(request).page(request, "jobs/_requirements.html", view)


@router.post("/jobs/new")
async def submit(
    request: Request,
    submission: SubmissionService,
    forms: Forms,
    principal: CurrentPrincipal,
    template: Chosen,
) -> Response:
    """Submit the jobs, and go to their batch; to the job where it is only one."""
    wanted = await _wanted(request, forms, template)
    jobs = await submission.submit_template(wanted, principal.label, JobSource.PAGE)
    address = f"/batches/{jobs[0].batch_id}" if jobs[0].batch_id else f"/jobs/{jobs[0].id}"
    return Response(status_code=204, headers={"HX-Redirect": address})


async def _wanted(request: Request, forms: Forms, template_id: str) -> TemplateRequest:
    texts, lists = await fields_of(request, "axis", "axis_values")
    try:
        form = OrderForm.model_validate({**texts, **lists})
    except ValidationError as error:
        problem = error.errors(include_input=False)[0]
        raise InvalidRequest(f"{problem['loc'][0]}: {problem['msg']}.") from None
    axes = {name: text for name, text in zip(form.axis, form.axis_values, strict=False) if name}
    values = await forms.changed_values(await forms.templates.get(template_id), texts)
    return TemplateRequest(
        template_id=template_id,
        values={name: text for name, text in values.items() if name not in axes},
        grid={name: _axis(text) for name, text in axes.items()},
        runs=form.runs,
        download_models=form.download_models,
        allow_pickle=form.allow_pickle,
        jobs=[JobRequest(name=form.name.strip(), priority=form.priority)],
    )


def _axis(text: str) -> JsonValue:
    """Return a range as it is, else the values, one a line."""
    return text.strip() if is_range(text) else [line.strip() for line in text.splitlines() if line.strip()]
