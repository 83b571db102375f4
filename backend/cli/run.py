"""`comfypod run`: queue runs of a workflow, and wait for them."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from backend.cli.completion import template_ids
from backend.cli.errors import CommandError
from backend.cli.files import STANDARD_INPUT, content_of
from backend.cli.input_files import upload_inputs
from backend.cli.job_inputs import read_grid, read_rows, read_settings
from backend.cli.job_wait import report_embedded, require_success, screen, wait_for
from backend.cli.lazy import control_plane
from backend.cli.options import AllowPickle, Json
from backend.cli.output import print_json, print_table, say

if TYPE_CHECKING:
    from backend.client.models import SubmitReport

NAMED = 20


def run(
    workflow: Annotated[
        str,
        typer.Argument(
            metavar="WORKFLOW",
            help="Id of a template, name of a saved workflow, or a file: JSON, or a picture or video that ComfyUI saved. "
            "`-` for standard input.",
            autocompletion=template_ids,
        ),
    ],
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="NAME=VALUE",
            help='An input: --set prompt="a cat", --set 6.text=@prompt.txt, --set image=@cat.png (is uploaded), '
            "--set seed=1..20 (one job for each).",
        ),
    ] = None,
    grid: Annotated[
        list[str] | None,
        typer.Option(
            "--grid",
            metavar="NAME=VALUES",
            help="An input that varies: --grid steps=10,20,30, --grid prompt=@prompts.txt (one in each line), "
            "--grid image=@a.png,@b.png.",
        ),
    ] = None,
    rows: Annotated[
        str | None,
        typer.Option(
            "--from", metavar="FILE", help="A job for each row of a CSV or JSONL file; `-` for a pipe."
        ),
    ] = None,
    runs: Annotated[int, typer.Option(min=1, max=10_000, help="Runs of each, with a seed of their own.")] = 1,
    priority: Annotated[int, typer.Option(min=1, max=999, help="1 runs next, 999 last.")] = 50,
    name: Annotated[str, typer.Option(help="Name of the jobs. Default: the title of the workflow.")] = "",
    wait: Annotated[
        bool, typer.Option("--wait", help="Wait until the jobs are over, and show them.")
    ] = False,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Wait, and put what the jobs make into this folder.")
    ] = None,
    download_models: Annotated[
        bool, typer.Option("--download-models", help="Download missing models; the jobs wait for them.")
    ] = False,
    allow_pickle: AllowPickle = False,
    as_json: Json = False,
) -> None:
    """Queue runs of a workflow. `comfypod templates show WORKFLOW` lists its inputs."""
    values, varied = read_settings(settings or [])
    options = {"name": name, "priority": priority}
    request: dict[str, Any] = {
        "values": values,
        "grid": {**varied, **read_grid(grid or [])},
        "runs": runs,
        "jobs": [{**options, "values": row} for row in read_rows(rows)] if rows else [options],
        "download_models": download_models,
        "allow_pickle": allow_pickle,
        "source": "cli",
        **_workflow_of(workflow),
    }
    with control_plane() as plane:
        upload_inputs(plane, [request["values"], request["grid"]])
        report = plane.run(plane.jobs.submit(**request))
        if not (wait or out):
            _show(report, as_json=as_json)
            report_embedded(plane)
            return
        ended = wait_for(plane, report.jobs, screen(as_json=as_json), out)
        if as_json:
            print_json([plane.run(plane.jobs.get(job.id)) for job in ended])
    require_success(ended)


def _workflow_of(name: str) -> dict[str, Any]:
    """Return the workflow of a file, or the name of a template where there is no such file."""
    path = Path(name)
    if name != STANDARD_INPUT and not path.is_file():
        return {"template_id": name}
    from backend.core.errors import AppError  # noqa: PLC0415
    from backend.workflows.reader import read_workflow, read_workflow_file  # noqa: PLC0415

    try:
        if name == STANDARD_INPUT:
            return {"document": read_workflow(content_of(name)).document, "template": "standard input"}
        with path.open("rb") as file:
            return {"document": read_workflow_file(file).document, "template": path.stem}
    except AppError as error:
        raise CommandError(f"{name}: {error.message}") from None
    except OSError as error:
        raise CommandError(f"{name} cannot be read: {error.strerror}.") from None


def _show(report: "SubmitReport", *, as_json: bool) -> None:
    if as_json:
        print_json(report)
        return
    print_table(("ID", "NAME", "STATE"), ((job.id, job.name, job.state) for job in report.jobs[:NAMED]))
    if len(report.jobs) > NAMED:
        say(f"and {len(report.jobs) - NAMED} more.")
    which = report.batch_id or report.jobs[0].id
    say(f"To watch: comfypod jobs watch {which}")
