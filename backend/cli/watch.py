"""Waiting for transfers, and showing how they get on."""

import contextlib
import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from backend.cli.display import Bars, Lines, Screen
from backend.cli.errors import Interrupted, NotFetched
from backend.cli.output import print_json, print_table, say
from backend.cli.tracker import TransferTracker
from backend.core.formatting import printable

if TYPE_CHECKING:
    from backend.cli.client import ControlPlane
    from backend.downloads.schemas import Refusal, TransferView


def finish(
    plane: "ControlPlane",
    transfers: "Sequence[TransferView]",
    refused: "Sequence[Refusal]" = (),
    *,
    no_wait: bool,
    as_json: bool,
) -> None:
    """Wait until none of them moves any more, and say how they ended; `NotFetched` unless all are done."""
    transfers = [_going_on(plane, transfer) for transfer in transfers]
    if transfers and not no_wait:
        _put_first_where_alone(plane, transfers)
        transfers = watch(plane, TransferTracker(transfers), Screen() if as_json else screen())
    if as_json:
        print_json(transfers)
    elif not transfers and not refused:
        say("Everything is here already.")
    elif no_wait:
        print_table(("ID", "FILE"), ((transfer.id, transfer.place) for transfer in transfers))
    require_done([] if no_wait else transfers, refused)


def _going_on(plane: "ControlPlane", transfer: "TransferView") -> "TransferView":
    """What was asked for before and then stopped: asking again means to go on."""
    return plane.steer("resume", transfer.id) if transfer.state == "paused" else transfer


def _put_first_where_alone(plane: "ControlPlane", transfers: "Sequence[TransferView]") -> None:
    """What an earlier run left in the queue comes after what is asked for now."""
    if plane.alone:
        plane.put_first([transfer.id for transfer in transfers])
        plane.begin()


def watch(plane: "ControlPlane", board: TransferTracker, shown_on: Screen) -> "list[TransferView]":
    """The board's transfers when all is over."""
    with _may_leave(plane), shown_on:
        for frame in plane.frames():
            board.take(frame)
            shown_on.show(board.rows)
            if board.over:
                break
    return board.rows


def screen() -> Screen:
    """Bars for a person, lines for whatever else reads along."""
    return Bars() if sys.stdout.isatty() else Lines()


def require_done(transfers: "Sequence[TransferView]", refused: "Sequence[Refusal]" = ()) -> None:
    """`NotFetched`, with a sentence for each that did not arrive."""
    sentences = [f"{file.filename}: {file.message}" for file in refused]
    sentences += [_what_became_of(transfer) for transfer in transfers if transfer.state != "done"]
    if sentences:
        raise NotFetched("\n".join(sentences))


def _what_became_of(transfer: "TransferView") -> str:
    reason = f": {printable(transfer.problem.message)}" if transfer.problem else "."
    sentence = f"{transfer.place} is {transfer.state}{reason}"
    match transfer.state:
        case "failed" | "cancelled":
            return f"{sentence}\nTo try again: comfypod downloads retry {transfer.id}"
        case "paused":
            return f"{sentence}\nTo go on: comfypod downloads resume {transfer.id}"
        case "quarantined":
            return (
                f"{sentence}\nTo fetch it again: comfypod downloads retry {transfer.id}\n"
                f"To keep it all the same: comfypod downloads accept {transfer.id}"
            )
    return f"{sentence}\nHow it stands: comfypod downloads"


@contextlib.contextmanager
def _may_leave(plane: "ControlPlane") -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt:
        if plane.alone:
            raise Interrupted("Stopped. What has arrived stays; the same command goes on with it.") from None
        raise Interrupted(
            "The downloads go on without you. To look again: comfypod downloads. To stop them: comfypod downloads pause"
        ) from None
