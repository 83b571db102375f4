"""JSON routes of schedules."""

from typing import Annotated

from fastapi import Depends

from backend.auth.principal import Scope
from backend.auth.routing import ProtectedRouter
from backend.core.errors import Conflict, NotFound, OutOfSpace, TooManyRequests, Unavailable, UpstreamError
from backend.jobs.schedules.models import ScheduleChange, ScheduleRequest, ScheduleView
from backend.jobs.schedules.runs import ScheduleRuns
from backend.jobs.schedules.service import Schedules
from backend.jobs.schemas import JobView
from backend.web.errors import responses
from backend.web.features import provided

router = ProtectedRouter(read=Scope.READ, write=Scope.RUN, prefix="/api/schedules", tags=["schedules"])

SchedulesService = Annotated[Schedules, Depends(provided(Schedules))]
RunsService = Annotated[ScheduleRuns, Depends(provided(ScheduleRuns))]


@router.get("", responses=responses())
async def show_all(schedules: SchedulesService) -> list[ScheduleView]:
    """All schedules by name, each with the time of its next run."""
    return [ScheduleView.of(schedule) for schedule in schedules.all()]


@router.post("", status_code=201, responses=responses(Conflict, OutOfSpace))
async def add(request: ScheduleRequest, schedules: SchedulesService) -> ScheduleView:
    """Submit a job at the times of a cron expression."""
    return ScheduleView.of(await schedules.add(request))


@router.get("/{schedule_id}", responses=responses(NotFound))
async def show(schedule_id: str, schedules: SchedulesService) -> ScheduleView:
    return ScheduleView.of(schedules.get(schedule_id))


@router.patch("/{schedule_id}", responses=responses(NotFound, OutOfSpace))
async def change(schedule_id: str, request: ScheduleChange, schedules: SchedulesService) -> ScheduleView:
    """Change a schedule, pause it or resume it. Runs of the pause are not made up for."""
    return ScheduleView.of(await schedules.change(schedule_id, request))


@router.delete("/{schedule_id}", status_code=204, responses=responses(NotFound, OutOfSpace))
async def remove(schedule_id: str, schedules: SchedulesService) -> None:
    """Delete a schedule. Its jobs stay."""
    await schedules.remove(schedule_id)


@router.post(
    "/{schedule_id}/run",
    status_code=201,
    responses=responses(NotFound, Conflict, OutOfSpace, TooManyRequests, Unavailable, UpstreamError),
)
async def run(schedule_id: str, runs: RunsService) -> JobView:
    """Submit a run now, besides those that are due."""
    return JobView.of(await runs.run_now(schedule_id))
