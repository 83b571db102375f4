"""`comfypod jobs …`: show, watch and control the queue of jobs."""

import json
from collections.abc import Callable, Coroutine, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from backend.cli.errors import Misused
from backend.cli.job_display import problem_of
from backend.cli.job_selectors import selected
from backend.cli.job_wait import require_success, screen, wait_for
from backend.cli.lazy import control_plane
from backend.cli.options import Json
from backend.cli.output import print_json, print_table, say
from backend.core.formatting import format_bytes, format_duration, printable

if TYPE_CHECKING:
    from backend.cli.control_plane import ControlPlane
    from backend.client.models import Batch, Job, JobDetails

app = typer.Typer(help="Show jobs, watch and control them.", no_args_is_help=True)

MOST_MOVED = 1_000
OPEN_STATES = ("running", "queued", "waiting")
Which = typer.Argument(
    metavar="WHICH...", help="Ids of jobs or batches, beginnings of ids, or names of jobs."
)
Some = Annotated[list[str], Which]
SomeOrAll = Annotated[list[str] | None, Which]


@app.command("ls")
def show_list(
    state: Annotated[list[str] | None, typer.Option(help="Only in this state, such as `failed`.")] = None,
    batch: Annotated[str | None, typer.Option(metavar="ID", help="Only jobs of this batch.")] = None,
    template: Annotated[str | None, typer.Option(metavar="ID", help="Only runs of this template.")] = None,
    queue: Annotated[bool, typer.Option("--queue", help="In the order in which they will run.")] = False,
    limit: Annotated[int, typer.Option(min=1, help="How many jobs at most.")] = 50,
    as_json: Json = False,
) -> None:
    """List jobs, newest first, or the queue."""
    filters = {"state": state, "batch": batch, "template": template}
    given = {name: value for name, value in filters.items() if value}
    if queue and given:
        raise Misused("--queue lists all queued jobs: omit the other filters.")
    with control_plane() as plane:
        found = plane.run(plane.jobs.queue(min(limit, 1000)) if queue else plane.jobs.newest(limit, **given))
        status = plane.run(plane.jobs.status())
    if as_json:
        print_json(found)
        return
    _print(found)
    counts = ", ".join(f"{count} {name}" for name, count in status.counts.items())
    say(f"{'The queue is paused. ' if status.paused else ''}{counts or 'No jobs'}.")


@app.command()
def batches(
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many batches at most.")] = 20,
    as_json: Json = False,
) -> None:
    """List batches, newest first."""
    with control_plane() as plane:
        found = plane.run(plane.jobs.batches(limit))
    if as_json:
        print_json(found)
    else:
        print_table(("ID", "NAME", "JOBS", "VARIES"), map(_batch_row, found))


@app.command()
def show(which: Some, as_json: Json = False) -> None:
    """Show jobs: their values, attempts and outputs; of batches, what varies and how far they are."""
    with control_plane() as plane:
        chosen = selected(plane, which)
        details = [plane.run(plane.jobs.get(job.id)) for job in chosen.jobs]
    if as_json:
        print_json([*chosen.batches, *details])
        return
    for batch in chosen.batches:
        print_table(("", ""), _batch_lines(batch))
    for job in details:
        print_table(("", ""), _job_lines(job))


@app.command()
def logs(which: Some) -> None:
    """Show each attempt of jobs, and why it failed."""
    with control_plane() as plane:
        found = selected(plane, which).all_jobs(plane)
        details = [plane.run(plane.jobs.get(job.id)) for job in found]
    for job in details:
        for line in _log_lines(job):
            typer.echo(line)


@app.command()
def watch(
    which: SomeOrAll = None,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Put what the jobs make into this folder.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Show jobs until they are over. Default: everything that has not ended."""
    with control_plane() as plane:
        chosen = selected(plane, which).all_jobs(plane) if which else _open_jobs(plane)
        if not chosen:
            say("No job is queued or running.")
            return
        ended = wait_for(plane, chosen, screen(as_json=as_json), out)
        if as_json:
            print_json([plane.run(plane.jobs.get(job.id)) for job in ended])
    require_success(ended)


@app.command()
def cancel(which: Some, as_json: Json = False) -> None:
    """Cancel jobs or batches. One that runs is interrupted at ComfyUI's next step."""
    _control("cancel", which, as_json=as_json)


@app.command()
def retry(which: Some, as_json: Json = False) -> None:
    """Queue jobs again that have failed, or what has failed of batches."""
    _control("retry", which, as_json=as_json)


@app.command("next")
def run_next(which: Some, as_json: Json = False) -> None:
    """Give jobs or batches the highest priority; what runs is not interrupted."""
    _set_priority(1, which, as_json=as_json)


@app.command()
def priority(
    number: Annotated[int, typer.Argument(metavar="PRIORITY", min=1, max=999, help="1 runs next, 999 last.")],
    which: Some,
    as_json: Json = False,
) -> None:
    """Give jobs or batches another priority."""
    _set_priority(number, which, as_json=as_json)


@app.command()
def move(
    which: Some,
    first: Annotated[bool, typer.Option("--first/--last", help="Before or after the others.")] = True,
    as_json: Json = False,
) -> None:
    """Put jobs before, or after, all others of their priority."""
    with control_plane() as plane:
        jobs = selected(plane, which).all_jobs(plane)
        ids = [job.id for job in jobs if not job.is_over]
        if len(ids) > MOST_MOVED:
            raise Misused(f"At most {MOST_MOVED} jobs are moved at once. Give the batch a priority instead.")
        moved = plane.run(plane.jobs.move(ids, "first" if first else "last")) if ids else []
    if as_json:
        print_json(moved)
    else:
        _print(moved)


@app.command()
def pause() -> None:
    """Start no more jobs. The one that runs ends normally."""
    with control_plane() as plane:
        plane.run(plane.jobs.pause())
    say("The queue is paused. To continue: comfypod jobs resume")


@app.command()
def resume() -> None:
    """Start jobs again."""
    with control_plane() as plane:
        plane.run(plane.jobs.resume())


def _open_jobs(plane: "ControlPlane") -> "list[Job]":
    return plane.run(plane.jobs.newest(10_000, state=[*OPEN_STATES]))


def _control(action: str, which: Sequence[str], *, as_json: bool) -> None:
    with control_plane() as plane:
        _change(
            plane,
            which,
            lambda job_id: plane.jobs.control(action, job_id),
            lambda batch_id: plane.jobs.control_batch(action, batch_id),
            as_json=as_json,
        )


def _set_priority(number: int, which: Sequence[str], *, as_json: bool) -> None:
    with control_plane() as plane:
        _change(
            plane,
            which,
            lambda job_id: plane.jobs.set_priority(job_id, number),
            lambda batch_id: plane.jobs.set_batch_priority(batch_id, number),
            as_json=as_json,
        )


def _change(
    plane: "ControlPlane",
    which: Sequence[str],
    change_job: "Callable[[str], Coroutine[Any, Any, Job]]",
    change_batch: "Callable[[str], Coroutine[Any, Any, Batch]]",
    *,
    as_json: bool,
) -> None:
    chosen = selected(plane, which)
    changed_batches = [plane.run(change_batch(batch.id)) for batch in chosen.batches]
    changed_jobs = [plane.run(change_job(job.id)) for job in chosen.jobs]
    if as_json:
        print_json([*changed_batches, *changed_jobs])
        return
    if changed_batches:
        print_table(("ID", "NAME", "JOBS", "VARIES"), map(_batch_row, changed_batches))
    if changed_jobs:
        _print(changed_jobs)


def _print(jobs: "Sequence[Job]") -> None:
    if jobs:
        print_table(("ID", "NAME", "STATE", "PRIORITY", "TIME", "TEMPLATE"), map(_row, jobs))


def _row(job: "Job") -> tuple[str, ...]:
    return job.id, job.name, job.state, str(job.priority), _time(job), job.template or ""


def _time(job: "Job") -> str:
    """Return how long it has run."""
    if job.started_at is None:
        return ""
    end = job.finished_at or (datetime.now(UTC) if job.state == "running" else job.started_at)
    return format_duration((end - job.started_at).total_seconds())


def _batch_row(batch: "Batch") -> tuple[str, ...]:
    counts = ", ".join(f"{count} {state}" for state, count in batch.counts.items())
    varies = ", ".join(f"{axis.input} ({len(axis.values)})" for axis in batch.axes)
    return batch.id, batch.name, counts, varies


def _batch_lines(batch: "Batch") -> Iterator[tuple[str, str]]:
    yield "batch", batch.id
    yield "name", batch.name
    yield "template", batch.template or ""
    for state, count in batch.counts.items():
        yield state, str(count)
    for axis in batch.axes:
        yield axis.input, ", ".join(map(_text, axis.values[:20])) + (" …" if len(axis.values) > 20 else "")


def _job_lines(job: "JobDetails") -> Iterator[tuple[str, str]]:
    yield "job", job.id
    yield "name", job.name
    yield "state", f"{job.state}{f' after {_time(job)}' if job.started_at else ''}"
    yield "template", job.template or ""
    yield "priority", str(job.priority)
    if job.batch_id:
        yield "batch", job.batch_id
    for name, value in job.values.items():
        yield name, _text(value)
    if job.error:
        yield "error", job.error.message
    for output in job.outputs:
        yield output.kind, f"{output.path} ({format_bytes(output.bytes)})"


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _log_lines(job: "JobDetails") -> Iterator[str]:
    yield printable(f"{job.id} {job.name}: {job.state}")
    for attempt in job.attempts:
        yield f"  {attempt.created_at.astimezone():%Y-%m-%d %H:%M:%S} attempt {attempt.number}: {attempt.state}"
        if attempt.error:
            yield printable(f"    {attempt.error.message}")
            yield from (
                printable(f"    {line}") for part in attempt.error.traceback for line in part.splitlines()
            )
    if job.error and not any(attempt.error for attempt in job.attempts):
        yield f"  {problem_of(job)}"
