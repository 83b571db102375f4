"""`comfypod schedules …`: jobs at times of a cron expression."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from backend.cli.errors import CommandError, Misused
from backend.cli.input_files import upload_inputs
from backend.cli.job_inputs import read_settings
from backend.cli.lazy import control_plane
from backend.cli.options import Json
from backend.cli.output import print_json, print_table, say

if TYPE_CHECKING:
    from backend.client.models import Schedule

app = typer.Typer(help="Jobs at fixed times.", no_args_is_help=True)

Which = Annotated[str, typer.Argument(metavar="SCHEDULE", help="Id or name.")]


@app.command("ls")
def show_list(as_json: Json = False) -> None:
    """List all schedules with the times of their next runs."""
    with control_plane() as plane:
        found = plane.run(plane.schedules.list())
    if as_json:
        print_json(found)
    elif found:
        print_table(("ID", "NAME", "CRON", "RUNS", "NEXT RUN", "LAST RUN"), map(_row, found))
    else:
        say('No schedules. To add one: comfypod schedules add NAME --cron "0 3 * * *" --template ID')


@app.command()
def add(
    name: Annotated[str, typer.Argument(help="Name of the schedule and of its jobs.")],
    cron: Annotated[str, typer.Option(help='Minute, hour, day, month, weekday, such as "0 3 * * *".')],
    template: Annotated[str, typer.Option(help="The template to run, such as official:image_flux.")],
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="INPUT=VALUE",
            help="An input, such as prompt=cat or image=@cat.png; can be repeated.",
        ),
    ] = None,
    time_zone: Annotated[
        str, typer.Option("--time-zone", help="Such as Europe/Berlin. Default: the pod's.")
    ] = "",
    priority: Annotated[int, typer.Option(min=1, max=999, help="1 runs next.")] = 50,
    as_json: Json = False,
) -> None:
    """Run a template at the times of a cron expression."""
    values, varied = read_settings(settings or [])
    if varied:
        raise Misused(f"A schedule makes one job each time, so `{next(iter(varied))}` cannot be a range.")
    with control_plane() as plane:
        upload_inputs(plane, [values])
        request = {"name": name, "cron": cron, "template_id": template, "values": values}
        schedule = plane.run(plane.schedules.add(**request, time_zone=time_zone, priority=priority))
    if as_json:
        print_json(schedule)
    else:
        say(f"{schedule.name} runs next at {_moment(schedule.next_run_at)}.")


@app.command()
def rm(which: Which) -> None:
    """Remove a schedule. Its jobs stay."""
    with control_plane() as plane:
        schedule = _one(which, plane.run(plane.schedules.list()))
        plane.run(plane.schedules.remove(schedule.id))
        say(f"Removed {schedule.name}.")


@app.command()
def run(which: Which, as_json: Json = False) -> None:
    """Run a schedule now, besides the runs that are due."""
    with control_plane() as plane:
        schedule = _one(which, plane.run(plane.schedules.list()))
        job = plane.run(plane.schedules.run_now(schedule.id))
    if as_json:
        print_json(job)
    else:
        say(f"Queued {job.name}. To watch: comfypod jobs watch {job.id}")


@app.command()
def pause(which: Which) -> None:
    """Pause a schedule. Runs of the pause are not made up for."""
    _set_paused(which, paused=True)


@app.command()
def resume(which: Which) -> None:
    """Resume a schedule."""
    _set_paused(which, paused=False)


def _set_paused(which: str, *, paused: bool) -> None:
    with control_plane() as plane:
        schedule = _one(which, plane.run(plane.schedules.list()))
        changed = plane.run(plane.schedules.change(schedule.id, paused=paused))
    say(f"{'Paused' if changed.paused else 'Resumed'} {changed.name}.")


def _one(word: str, schedules: "list[Schedule]") -> "Schedule":
    found = [schedule for schedule in schedules if word in (schedule.id, schedule.name)]
    if len(found) != 1:
        reason = f"Several schedules are named '{word}'" if found else f"No schedule named '{word}'"
        raise CommandError(f"{reason}. To see all with their ids: comfypod schedules ls")
    return found[0]


def _row(schedule: "Schedule") -> tuple[str, ...]:
    state = "paused" if schedule.paused else _moment(schedule.next_run_at)
    last = schedule.problem or _moment(schedule.last_run_at)
    return schedule.id, schedule.name, schedule.cron, schedule.template_id or "a workflow", state, last


def _moment(moment: datetime | None) -> str:
    return f"{moment.astimezone():%Y-%m-%d %H:%M}" if moment else "never"
