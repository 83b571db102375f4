"""`comfypod services …`: the services of the pod, and why ComfyUI does not run."""

from typing import TYPE_CHECKING, Annotated

import typer

from backend.cli.lazy import control_plane
from backend.cli.options import Json
from backend.cli.output import print_json, print_table, say
from backend.core.formatting import format_bytes

if TYPE_CHECKING:
    from backend.client.system import ComfyState, Service

app = typer.Typer(help="The services of this pod.")

Name = Annotated[str, typer.Argument(metavar="SERVICE", help="Such as `comfyui`.")]


@app.callback(invoke_without_command=True)
def show(context: typer.Context, as_json: Json = False) -> None:
    """Show the services, why ComfyUI crashed, nodes that could not be imported, and hooks."""
    if context.invoked_subcommand:
        return
    with control_plane() as plane:
        state = plane.run(plane.system.state())
    if as_json:
        print_json({"services": state.services, "comfyui": state.comfyui, "hooks": state.hooks})
        return
    if state.services:
        print_table(("NAME", "STATE", "STARTED", "MEMORY", "PORT"), map(_row, state.services))
    else:
        say("No supervisor runs here, so there are no services.")
    _explain(state.comfyui)
    for hook in state.hooks:
        say(f"Hook {hook.stage}.d/{hook.name}: {hook.state.replace('_', ' ')}, {hook.seconds:.0f} s.")


@app.command()
def start(service: Name) -> None:
    """Start a service."""
    _act(service, "start")


@app.command()
def stop(service: Name) -> None:
    """Stop a service."""
    _act(service, "stop")


@app.command()
def restart(service: Name) -> None:
    """Restart a service."""
    _act(service, "restart")


@app.command()
def log(
    service: Name, lines: Annotated[int, typer.Option(help="How many lines, from the end.")] = 200
) -> None:
    """Print the last lines of a service's log."""
    with control_plane() as plane:
        typer.echo(plane.run(plane.system.log(service, lines)), nl=False)


def _act(service: str, action: str) -> None:
    with control_plane() as plane:
        changed = plane.run(plane.system.act(service, action))
    say(f"{changed.title}: {changed.state}.")


def _explain(comfyui: "ComfyState") -> None:
    if comfyui.crash:
        say(comfyui.crash.message)
        for line in comfyui.crash.lines:
            say(f"    {line}")
        say(comfyui.crash.remedy)
    for node in comfyui.failed_nodes:
        say(f"Custom node {node.name} could not be imported{f': {node.error}' if node.error else '.'}")


def _row(service: "Service") -> tuple[str, ...]:
    since = f"{service.started_at.astimezone():%Y-%m-%d %H:%M:%S}" if service.started_at else ""
    memory = format_bytes(service.memory) if service.memory else ""
    return service.name, service.state, since, memory, str(service.port or "")
