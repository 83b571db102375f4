"""`comfypod workflow`: what a workflow needs, and fetching it."""

from typing import TYPE_CHECKING, Annotated

import typer

from backend.cli.errors import NotFetched
from backend.cli.files import content_of
from backend.cli.lazy import control_plane
from backend.cli.options import AllowPickle, Json, NoWait
from backend.cli.output import print_json, print_table, say
from backend.cli.watch import finish
from backend.core.formatting import format_bytes, printable

if TYPE_CHECKING:
    from backend.cli.client import ControlPlane
    from backend.presets.schemas import RequiredFile, WorkflowRequirements

STATES = {
    "other": "another file of that name",
    "same_content": "here as",
    "same_name": "perhaps",
    "fetchable": "from",
}


def workflow(
    file: Annotated[str, typer.Argument(help="A workflow, or a picture that ComfyUI saved; `-` for a pipe.")],
    install: Annotated[
        bool, typer.Option("--install", help="Fetch what is missing, and wait for it.")
    ] = False,
    allow_pickle: AllowPickle = False,
    no_wait: NoWait = False,
    as_json: Json = False,
) -> None:
    """What a workflow needs, what of it is here, what can be fetched."""
    content = content_of(file)
    with control_plane(outlives=install and no_wait) as plane:
        if install:
            _install(plane, content, allow_pickle=allow_pickle, no_wait=no_wait, as_json=as_json)
            return
        needs = plane.needs_of(content)
    if as_json:
        print_json(needs)
    else:
        _show(needs)


def _install(
    plane: "ControlPlane", content: bytes, *, allow_pickle: bool, no_wait: bool, as_json: bool
) -> None:
    nowhere = [file for file in plane.needs_of(content).files if file.cannot_be_got]
    report = plane.fetch_for(content, allow_pickle=allow_pickle)
    for name in report.linked:
        say(f"{printable(name)} was here under another name, and has this one now too.")
    finish(plane, report.transfers, report.refused, no_wait=no_wait, as_json=as_json)
    if nowhere:
        raise NotFetched("\n".join(f"{printable(file.filename)}: {_why_not(file)}" for file in nowhere))


def _why_not(file: "RequiredFile") -> str:
    if file.state == "other":
        return (
            "another file has this name: of another size, or with another hash. Rename that one, or keep it."
        )
    if file.found_at:
        return f"there is one of that name at {printable(file.found_at)}. If it is the same, choose it in the node."
    return "nobody tells where it can be had. Look for it, and use comfypod download."


def _show(needs: "WorkflowRequirements") -> None:
    print_table(("FILE", "STATE", "SIZE"), map(_row, needs.files))
    for node in needs.missing_nodes:
        package = f", from {node.package}" if node.package else ""
        say(printable(f"This ComfyUI has no node {node.type}{package}."))
    if not needs.nodes_checked:
        say("ComfyUI does not answer, so nobody can tell whether nodes are missing.")
    if needs.to_get:
        say(
            f"To fetch: {format_bytes(needs.bytes_to_fetch)}. Free: {format_bytes(needs.free)}. "
            "To do it: the same command with --install"
        )


def _row(file: "RequiredFile") -> tuple[str, ...]:
    place = f"{file.folder}/{file.filename}" if file.folder else file.filename
    where = "" if file.state == "other" else file.found_at or (file.host if file.state == "fetchable" else "")
    state = f"{STATES.get(file.state, file.state)} {where or ''}".strip()
    return place, state, format_bytes(file.bytes)
