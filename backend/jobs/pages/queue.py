"""HTML routes of the queue: what runs, what runs next, what has ended, and what ComfyUI does besides."""

from typing import Annotated, Any, Literal

from fastapi import Query, Request, Response
from pydantic import BaseModel, Field

from backend.auth.principal import Scope
from backend.auth.routing import ProtectedRouter
from backend.core import clock
from backend.jobs.dependencies import ComfyActivityService, EstimatesService, JobsService
from backend.jobs.estimates import Estimates
from backend.jobs.filters import JobFilter
from backend.jobs.models import FINAL, JobState
from backend.jobs.pages.addresses import ComfyUIAddress
from backend.jobs.paging import decode, encode_end
from backend.jobs.service import Jobs
from backend.jobs.views import MOST_OTHERS, ended_rows, queue_rows, running_rows, with_outputs
from backend.system.dependencies import PodServices
from backend.web import htmx
from backend.web.paging import MAX_CURSOR
from backend.web.templating import renderer_of

router = ProtectedRouter(read=Scope.READ, write=Scope.RUN, include_in_schema=False)

# Rows of the queue and pictures of the history that are shown at first, and how many more each time.
QUEUE_STEP = 50
HISTORY_STEP = 24
# A page that stays open reads all of its rows again whenever something changes.
MOST_QUEUED = 500
MOST_ENDED = 240


# Which ended jobs are shown; the empty text stands for all.
Shown = Literal["", "succeeded", "failed", "cancelled", "expired"]


class QueueQuery(BaseModel):
    """What the address of the page says: filters, and how far it is unfolded."""

    state: Shown = ""
    template: str = Field(default="", max_length=200)
    q: str = Field(default="", max_length=200)
    queue: int = Field(default=QUEUE_STEP, ge=1, le=MOST_QUEUED)
    ended: int = Field(default=HISTORY_STEP, ge=1, le=MOST_ENDED)
    before: str | None = Field(default=None, max_length=MAX_CURSOR)

    @property
    def filter(self) -> JobFilter:
        states = (JobState(self.state),) if self.state else ()
        return JobFilter(states=states, template=self.template or None, q=self.q.strip())


@router.get("/jobs")
async def show(
    request: Request, jobs: JobsService, estimates: EstimatesService, query: Annotated[QueueQuery, Query()]
) -> Response:
    view = await _lists(jobs, estimates, query)
    template = "jobs/_lists.html" if htmx.wants_fragment(request) else "jobs/page.html"
    return renderer_of(request).page(request, template, view)


@router.get("/jobs/comfyui")
async def show_comfyui(
    request: Request,
    activity: ComfyActivityService,
    services: PodServices,
    comfyui: ComfyUIAddress,
) -> Response:
    """Show ComfyUI's own prompts, or why it does not run. The page does not wait for this."""
    view = {
        "activity": await activity.look(),
        "state": await services.state("comfyui"),
        "address": comfyui,
    }
    return renderer_of(request).page(request, "jobs/_comfyui.html", view)


async def _lists(jobs: Jobs, estimates: Estimates, query: QueueQuery) -> dict[str, Any]:
    running = await running_rows(jobs, estimates)
    ended = await ended_rows(jobs, query.filter, query.ended + 1, decode(query.before))
    shown, counts = ended[: query.ended], await jobs.counts()
    return {
        "running": running,
        "queue": await queue_rows(jobs, estimates, running, query.queue),
        "waiting": await with_outputs(jobs, await jobs.in_state(JobState.WAITING, MOST_OTHERS)),
        "blocked": await with_outputs(jobs, await jobs.in_state(JobState.BLOCKED, MOST_OTHERS)),
        "ended": shown,
        "more_ended": len(ended) > query.ended and min(query.ended + HISTORY_STEP, MOST_ENDED),
        "older": encode_end(shown[-1].job) if len(ended) > query.ended == MOST_ENDED else None,
        "more_queued": min(query.queue + QUEUE_STEP, MOST_QUEUED),
        "counts": {str(state): counts.get(state, 0) for state in JobState},
        "total_ended": sum(counts.get(state, 0) for state in FINAL),
        "is_paused": jobs.is_paused,
        "quiet_hours": jobs.policy.current.quiet_hours if jobs.policy.is_quiet(clock.now()) else None,
        "query": query,
    }
