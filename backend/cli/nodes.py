"""`comfypod nodes …`: custom nodes on the volume."""

import time
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Annotated, Any

import typer

from backend.cli.lazy import control_plane
from backend.cli.options import Json
from backend.cli.output import print_json, print_table, say

if TYPE_CHECKING:
    from backend.cli.control_plane import ControlPlane
    from backend.client.nodes import Node, Nodes

app = typer.Typer(help="Custom nodes on this volume.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(metavar="NODE", help="As `comfypod nodes ls` shows it.")]
POLL_SECONDS = 0.5


@app.command("ls")
def list_nodes(as_json: Json = False) -> None:
    """List the custom nodes, disabled ones and those of the image included."""
    with control_plane() as plane:
        found = plane.run(plane.nodes.list())
    if as_json:
        print_json(found)
        return
    print_table(("NAME", "STATE", "VERSION", "FROM"), map(_row, found.nodes))
    for node in found.nodes:
        if node.failed:
            say(f"{node.name} could not be imported{f': {node.error}' if node.error else '.'}")
    _advise(found)


@app.command()
def install(
    source: Annotated[
        str, typer.Argument(help="Address of a git repository, or ID or ID@VERSION of the registry.")
    ],
    commit: Annotated[str, typer.Option(help="Commit, tag or branch. Default: the newest.")] = "",
    name: Annotated[
        str, typer.Option(help="Folder below custom_nodes. Default: the repository's name.")
    ] = "",
) -> None:
    """Install a node with its packages."""
    with control_plane() as plane:
        _wait(plane, plane.nodes.install(source, commit=commit, name=name))


@app.command()
def update(
    node: Name, version: Annotated[str, typer.Option(help="Commit or version. Default: the newest.")] = ""
) -> None:
    """Update a node with its packages."""
    with control_plane() as plane:
        _wait(plane, plane.nodes.update(node, version))


@app.command()
def disable(node: Name) -> None:
    """Keep ComfyUI from loading a node."""
    with control_plane() as plane:
        _wait(plane, plane.nodes.disable(node))


@app.command()
def enable(node: Name) -> None:
    """Let ComfyUI load a disabled node again."""
    with control_plane() as plane:
        _wait(plane, plane.nodes.enable(node))


@app.command()
def remove(
    node: Name,
    force: Annotated[bool, typer.Option("--force", help="Also a git checkout with local changes.")] = False,
) -> None:
    """Delete a node. Packages that it has installed stay."""
    with control_plane() as plane:
        _wait(plane, plane.nodes.remove(node, force=force))


def _wait(plane: "ControlPlane", request: "Coroutine[Any, Any, Nodes]") -> None:
    """Show what an operation writes until it has ended; exit code 1 when it fails."""
    found, shown = plane.run(request), 0
    while found.operation and found.operation.state == "running":
        for line in found.operation.log[shown:]:
            say(line)
        shown = len(found.operation.log)
        time.sleep(POLL_SECONDS)
        found = plane.run(plane.nodes.list())
    if found.operation:
        say(found.operation.message)
        if found.operation.state == "failed":
            raise typer.Exit(1)
    _advise(found)


def _advise(found: "Nodes") -> None:
    if found.needs_restart:
        say("Restart ComfyUI to load what was changed: comfypod services restart comfyui")


def _row(node: "Node") -> tuple[str, ...]:
    state = "failed" if node.failed else "enabled" if node.enabled else "disabled"
    version = node.version[:10] if node.origin == "git" else node.version
    return node.name, state, version, node.repository or node.origin
