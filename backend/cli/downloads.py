"""`comfypod downloads …`: show and control the queue."""

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from backend.cli.completion import transfer_names
from backend.cli.formatting import amount, percent, remark
from backend.cli.lazy import control_plane
from backend.cli.options import Json
from backend.cli.output import print_json, print_table, say
from backend.cli.selectors import selected
from backend.cli.tracker import TransferTracker
from backend.cli.watch import finish, require_done, screen, watch
from backend.core.formatting import printable

if TYPE_CHECKING:
    from backend.cli.control_plane import ControlPlane
    from backend.client.models import Transfer

app = typer.Typer(help="Show downloads live, and control them.", invoke_without_command=True)

SHORT_ID = 8

Which = typer.Argument(
    metavar="WHICH...", help="Ids, beginnings of ids, or file names.", autocompletion=transfer_names
)
Some = Annotated[list[str], Which]
SomeOrAll = Annotated[list[str] | None, Which]


@app.callback()
def show(
    context: typer.Context,
    state: Annotated[list[str] | None, typer.Option(help="Only this state, such as `failed`.")] = None,
    preset: Annotated[str | None, typer.Option(help="Only downloads of this preset.")] = None,
    live: Annotated[
        bool | None, typer.Option("--live/--once", help="Keep showing progress. Default: on a terminal.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Show downloads, live while any of them moves. The commands below control them."""
    if context.invoked_subcommand:
        return
    filters = {name: value for name, value in (("state", state), ("preset", preset)) if value}
    with control_plane() as plane:
        found = plane.run(plane.downloads.search(**filters))
        moving = [] if plane.embedded else [transfer for transfer in found if transfer.moves]
        if moving and not as_json and (sys.stdout.isatty() if live is None else live):
            require_done(watch(plane, TransferTracker(moving, everything=not filters), screen()))
            return
    _print(found, as_json=as_json)
    if plane.embedded and any(transfer.moves for transfer in found):
        say(
            "No control plane runs here, so nothing is being downloaded. To continue: comfypod downloads resume"
        )


@app.command()
def pause(which: SomeOrAll = None, as_json: Json = False) -> None:
    """Stop some or all for now; what has arrived is kept."""
    _control("pause", which, as_json=as_json)


@app.command()
def resume(which: SomeOrAll = None, as_json: Json = False) -> None:
    """Continue some or all that are paused."""
    _continue("resume", which, as_json=as_json)


@app.command()
def retry(which: SomeOrAll = None, as_json: Json = False) -> None:
    """Try some or all that failed again."""
    _continue("retry", which, as_json=as_json)


@app.command()
def cancel(which: Some, as_json: Json = False) -> None:
    """Stop for good; nothing of the file stays on disk."""
    _control("cancel", which, as_json=as_json)


@app.command()
def accept(which: Some, as_json: Json = False) -> None:
    """Keep a file that is quarantined because of its hash."""
    _control("accept", which, as_json=as_json)


@app.command()
def first(which: Some, as_json: Json = False) -> None:
    """Download these before all others in the queue."""
    with control_plane() as plane:
        ids = [transfer.id for transfer in selected(plane, which)]
        _print(plane.run(plane.downloads.put_first(ids)), as_json=as_json)


@app.command()
def clear() -> None:
    """Remove finished and cancelled downloads from the list; files stay."""
    with control_plane() as plane:
        plane.run(plane.downloads.clear())


@app.command()
def log(
    which: Annotated[str, typer.Argument(metavar="WHICH", autocompletion=transfer_names)],
    as_json: Json = False,
) -> None:
    """Show what happened to a download, oldest first."""
    with control_plane() as plane:
        (transfer,) = selected(plane, [which])
        lines = plane.run(plane.downloads.log(transfer.id))
    if as_json:
        print_json(lines)
        return
    for line in lines:
        typer.echo(f"{line.at.astimezone():%Y-%m-%d %H:%M:%S}\t{printable(line.message)}")


def _control(action: str, which: Sequence[str] | None, *, as_json: bool) -> None:
    with control_plane() as plane:
        _print(_controlled(plane, action, which), as_json=as_json, nothing=f"Nothing to {action}.")


def _continue(action: str, which: Sequence[str] | None, *, as_json: bool) -> None:
    """Let downloads continue. An embedded control plane ends with this command, so the command waits for them."""
    with control_plane() as plane:
        transfers = _controlled(plane, action, which)
        if plane.embedded and not which:
            transfers = [transfer for transfer in plane.run(plane.downloads.search()) if transfer.moves]
        if plane.embedded and transfers:
            finish(plane, transfers, no_wait=False, as_json=as_json)
        else:
            _print(transfers, as_json=as_json, nothing=f"Nothing to {action}.")


def _controlled(plane: "ControlPlane", action: str, which: Sequence[str] | None) -> "list[Transfer]":
    if which:
        transfers = selected(plane, which)
        return [plane.run(plane.downloads.control(action, transfer.id)) for transfer in transfers]
    return plane.run(plane.downloads.control_all(action))


def _print(transfers: "Sequence[Transfer]", *, as_json: bool, nothing: str = "No downloads.") -> None:
    if as_json:
        print_json(transfers)
    elif transfers:
        print_table(("ID", "FILE", "", "SIZE", "STATE"), map(_row, transfers))
    else:
        say(nothing)


def _row(transfer: "Transfer") -> tuple[str, ...]:
    state = remark(transfer)
    if transfer.problem:
        state = f"{state}: {transfer.problem.message}"
    return transfer.id[:SHORT_ID], transfer.place, percent(transfer), amount(transfer), state
