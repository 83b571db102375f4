"""`comfypod downloads …`: what is under way, and control over it."""

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from backend.cli.completion import transfer_names
from backend.cli.formatting import amount, percent, remark
from backend.cli.lazy import control_plane
from backend.cli.options import Json
from backend.cli.output import print_json, print_table, say
from backend.cli.selectors import named
from backend.cli.tracker import TransferTracker
from backend.cli.watch import finish, require_done, screen, watch
from backend.core.formatting import printable

if TYPE_CHECKING:
    from backend.cli.client import ControlPlane
    from backend.downloads.schemas import TransferView

app = typer.Typer(help="What is under way, live; and control over it.", invoke_without_command=True)

SHORT_ID = 8

Named = typer.Argument(
    metavar="WHICH...", help="Ids, beginnings of ids, or file names.", autocompletion=transfer_names
)
Some = Annotated[list[str], Named]
SomeOrAll = Annotated[list[str] | None, Named]


@app.callback()
def show(
    context: typer.Context,
    state: Annotated[list[str] | None, typer.Option(help="Only this state, such as `failed`.")] = None,
    preset: Annotated[str | None, typer.Option(help="Only what this preset asked for.")] = None,
    live: Annotated[
        bool | None, typer.Option("--live/--once", help="Go on showing. Default: on a terminal.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Downloads, live as long as something moves; with a command behind it, control over them."""
    if context.invoked_subcommand:
        return
    filters = {name: value for name, value in (("state", state), ("preset", preset)) if value}
    with control_plane() as plane:
        found = plane.transfers(**filters)
        moving = [] if plane.alone else [transfer for transfer in found if transfer.moves]
        if moving and not as_json and (sys.stdout.isatty() if live is None else live):
            require_done(watch(plane, TransferTracker(moving, everything=not filters), screen()))
            return
    _print(found, as_json=as_json)
    if plane.alone and any(transfer.moves for transfer in found):
        say("No control plane runs here, so nothing is being fetched. To go on: comfypod downloads resume")


@app.command()
def pause(which: SomeOrAll = None, as_json: Json = False) -> None:
    """Stop some or all for now; what has arrived is kept."""
    _steer("pause", which, as_json=as_json)


@app.command()
def resume(which: SomeOrAll = None, as_json: Json = False) -> None:
    """Go on with some or all of what is paused."""
    _go_on("resume", which, as_json=as_json)


@app.command()
def retry(which: SomeOrAll = None, as_json: Json = False) -> None:
    """Try some or all of what failed again."""
    _go_on("retry", which, as_json=as_json)


@app.command()
def cancel(which: Some, as_json: Json = False) -> None:
    """Stop for good; nothing of it stays on disk."""
    _steer("cancel", which, as_json=as_json)


@app.command()
def accept(which: Some, as_json: Json = False) -> None:
    """Keep what was put aside for a wrong hash."""
    _steer("accept", which, as_json=as_json)


@app.command()
def first(which: Some, as_json: Json = False) -> None:
    """Fetch these before all others that wait."""
    with control_plane() as plane:
        _print(plane.put_first([transfer.id for transfer in named(plane, which)]), as_json=as_json)


@app.command()
def clear() -> None:
    """Forget what is done or cancelled; files stay."""
    with control_plane() as plane:
        plane.clear()


@app.command()
def log(
    which: Annotated[str, typer.Argument(metavar="WHICH", autocompletion=transfer_names)],
    as_json: Json = False,
) -> None:
    """What happened to a download, oldest first."""
    with control_plane() as plane:
        (transfer,) = named(plane, [which])
        lines = plane.log(transfer.id)
    if as_json:
        print_json(lines)
        return
    for line in lines:
        typer.echo(f"{line.at.astimezone():%Y-%m-%d %H:%M:%S}\t{printable(line.message)}")


def _steer(action: str, which: Sequence[str] | None, *, as_json: bool) -> None:
    with control_plane() as plane:
        _print(_steered(plane, action, which), as_json=as_json, nothing=f"Nothing to {action}.")


def _go_on(action: str, which: Sequence[str] | None, *, as_json: bool) -> None:
    """The control plane does it; where there is none, this command has to stay for it."""
    with control_plane() as plane:
        transfers = _steered(plane, action, which)
        if plane.alone and not which:
            transfers = [transfer for transfer in plane.transfers() if transfer.moves]
        if plane.alone and transfers:
            finish(plane, transfers, no_wait=False, as_json=as_json)
        else:
            _print(transfers, as_json=as_json, nothing=f"Nothing to {action}.")


def _steered(plane: "ControlPlane", action: str, which: Sequence[str] | None) -> "list[TransferView]":
    if which:
        return [plane.steer(action, transfer.id) for transfer in named(plane, which)]
    return plane.steer_all(action)


def _print(transfers: "Sequence[TransferView]", *, as_json: bool, nothing: str = "No downloads.") -> None:
    if as_json:
        print_json(transfers)
    elif transfers:
        print_table(("ID", "FILE", "", "SIZE", "STATE"), map(_row, transfers))
    else:
        say(nothing)


def _row(transfer: "TransferView") -> tuple[str, ...]:
    state = remark(transfer)
    if transfer.problem:
        state = f"{state}: {transfer.problem.message}"
    return transfer.id[:SHORT_ID], transfer.place, percent(transfer), amount(transfer), state
