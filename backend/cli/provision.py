"""`comfypod provision …`: what one document brings to this pod."""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from backend.cli.errors import CommandError
from backend.cli.lazy import control_plane, running_control_plane
from backend.cli.options import Json, NoWait
from backend.cli.output import print_json, print_table, say

if TYPE_CHECKING:
    from backend.client.provisioning import Provisioning

app = typer.Typer(
    help="Packages, nodes, presets, files and variables from one document.", no_args_is_help=True
)

POLL_SECONDS = 1.0


@app.command()
def status(as_json: Json = False) -> None:
    """Show the document's steps and where they stand."""
    with control_plane() as plane:
        _print(plane.run(plane.provisioning.show()), as_json=as_json)


@app.command()
def run(
    again: Annotated[bool, typer.Option("--again", help="Also steps that were applied before.")] = False,
    no_wait: NoWait = False,
    as_json: Json = False,
) -> None:
    """Apply the steps that are new, changed or failed, and wait for them. Exit code 1 when one fails."""
    with running_control_plane() as plane:
        found = plane.run(plane.provisioning.run(again=again))
        while found.running and not no_wait:
            time.sleep(POLL_SECONDS)
            found = plane.run(plane.provisioning.show())
    _print(found, as_json=as_json)
    if found.problems or any(step.state == "failed" for step in found.steps):
        raise typer.Exit(1)


@app.command()
def check(file: Annotated[Path, typer.Argument(help="A provisioning document.")]) -> None:
    """Check a document without a pod: print its steps, or its mistakes with exit code 1."""
    from backend.provisioning.document import BadDocument, read_document  # noqa: PLC0415 - takes a tenth of a second
    from backend.provisioning.steps import steps_of  # noqa: PLC0415

    try:
        steps = steps_of(read_document(file.read_bytes()))
    except OSError as error:
        raise CommandError(f"{file} cannot be read: {error.strerror}.") from None
    except BadDocument as error:
        for mistake in error.mistakes:
            say(f"{file}, {mistake}")
        raise typer.Exit(1) from None
    print_table(("KIND", "STEP"), ((step.kind, step.title) for step in steps))


def _print(found: "Provisioning", *, as_json: bool) -> None:
    if as_json:
        print_json(found)
        return
    if not found.source:
        say("There is no document: no provision.yaml in the workspace, and no PROVISION_URL.")
    for problem in found.problems:
        say(problem)
    print_table(("KIND", "STATE", "STEP"), ((step.kind, step.state, step.title) for step in found.steps))
    for step in found.steps:
        if step.message:
            say(f"{step.title}: {step.message}")
    if found.interrupted:
        say("The last run was ended before it was complete. `comfypod provision run` continues it.")
    if found.needs_restart:
        say("Restart ComfyUI to load what was applied: comfypod services restart comfyui")
