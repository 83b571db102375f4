"""`comfypod workflow`: show which files a workflow needs, and download them."""

from typing import TYPE_CHECKING, Annotated

import typer

from backend.cli.errors import Incomplete
from backend.cli.files import content_of
from backend.cli.lazy import control_plane
from backend.cli.options import AllowPickle, Json, NoWait
from backend.cli.output import print_json, print_table, say
from backend.cli.watch import finish
from backend.core.formatting import format_bytes, printable

if TYPE_CHECKING:
    from backend.cli.control_plane import ControlPlane
    from backend.client.models import RequiredFile, WorkflowRequirements

STATES = {
    "other": "different file of that name",
    "same_content": "here as",
    "same_name": "perhaps",
    "fetchable": "from",
}


def workflow(
    file: Annotated[
        str, typer.Argument(help="A workflow, or an image that ComfyUI saved; `-` for standard input.")
    ],
    install: Annotated[
        bool, typer.Option("--install", help="Download missing files, and wait for them.")
    ] = False,
    allow_pickle: AllowPickle = False,
    no_wait: NoWait = False,
    as_json: Json = False,
) -> None:
    """Show which files a workflow needs, which are here, and which can be downloaded."""
    content = content_of(file)
    with control_plane(outlives=install and no_wait) as plane:
        if install:
            _install(plane, content, allow_pickle=allow_pickle, no_wait=no_wait, as_json=as_json)
            return
        requirements = plane.run(plane.presets.requirements(content))
    if as_json:
        print_json(requirements)
    else:
        _show(requirements)


def _install(
    plane: "ControlPlane", content: bytes, *, allow_pickle: bool, no_wait: bool, as_json: bool
) -> None:
    requirements = plane.run(plane.presets.requirements(content))
    unavailable = [file for file in requirements.files if file.needs_attention]
    report = plane.run(plane.presets.download_for(content, allow_pickle=allow_pickle))
    for name in report.linked:
        say(f"{printable(name)} was here under another name, and now has this one too.")
    finish(plane, report.transfers, report.refused, no_wait=no_wait, as_json=as_json)
    if unavailable:
        raise Incomplete("\n".join(f"{printable(file.filename)}: {_why_not(file)}" for file in unavailable))


def _why_not(file: "RequiredFile") -> str:
    if file.state == "other":
        return "a different file has this name: its size or hash differs. Rename that one, or keep it."
    if file.found_at:
        return (
            f"a file of that name is at {printable(file.found_at)}. If it is the same, choose it in the node."
        )
    return "no source is known. Find a URL, and use comfypod download."


def _show(requirements: "WorkflowRequirements") -> None:
    print_table(("FILE", "STATE", "SIZE"), map(_row, requirements.files))
    for node in requirements.missing_nodes:
        package = f", from {node.package}" if node.package else ""
        say(printable(f"This ComfyUI has no node {node.type}{package}."))
    if not requirements.nodes_checked:
        say("ComfyUI does not answer, so missing nodes are unknown.")
    if requirements.downloadable:
        say(
            f"To download: {format_bytes(requirements.bytes_to_fetch)}. Free: {format_bytes(requirements.free)}. "
            "To do it: the same command with --install"
        )


def _row(file: "RequiredFile") -> tuple[str, ...]:
    place = f"{file.folder}/{file.filename}" if file.folder else file.filename
    source = (
        "" if file.state == "other" else file.found_at or (file.host if file.state == "fetchable" else "")
    )
    state = f"{STATES.get(file.state, file.state)} {source or ''}".strip()
    return place, state, format_bytes(file.bytes)
