"""`comfypod autostop …`: stop the pod when it is idle."""

from typing import TYPE_CHECKING, Annotated

import typer

from backend.cli.lazy import control_plane
from backend.cli.options import Json
from backend.cli.output import print_json, say

if TYPE_CHECKING:
    from backend.client.autostop import Autostop

app = typer.Typer(help="Stop the pod when it is idle.")


@app.callback(invoke_without_command=True)
def show(context: typer.Context, as_json: Json = False) -> None:
    """Show whether and when the pod is stopped."""
    if context.invoked_subcommand:
        return
    with control_plane() as plane:
        found = plane.run(plane.autostop.show())
    if as_json:
        print_json(found)
    else:
        _say(found)


@app.command("set")
def choose(minutes: Annotated[int, typer.Argument(help="Minutes of idleness.")]) -> None:
    """Stop the pod after so many minutes of idleness."""
    with control_plane() as plane:
        _say(plane.run(plane.autostop.choose(minutes)))


@app.command()
def off() -> None:
    """Never stop the pod."""
    with control_plane() as plane:
        _say(plane.run(plane.autostop.choose(0)))


@app.command()
def cancel() -> None:
    """Begin the idle time anew."""
    with control_plane() as plane:
        _say(plane.run(plane.autostop.cancel()))


def _say(autostop: "Autostop") -> None:
    if autostop.problem:
        say(autostop.problem)
    if not autostop.minutes:
        typer.echo("off" if autostop.host else "off: nothing here can stop the pod (see AUTOSTOP_COMMAND)")
        return
    typer.echo(f"after {autostop.minutes} idle minutes through {autostop.host}: {_state(autostop)}")


def _state(autostop: "Autostop") -> str:
    if autostop.stopping:
        return "stopping now"
    if autostop.busy:
        return " ".join(autostop.busy)
    if autostop.stops_at:
        return f"idle, stops at {autostop.stops_at.astimezone():%Y-%m-%d %H:%M:%S}"
    return "not checked yet"
