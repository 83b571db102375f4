"""Wait for transfers, and show their progress."""

import contextlib
import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from backend.cli.display import Bars, Lines
from backend.cli.errors import Incomplete, Interrupted
from backend.cli.output import print_json, print_table, say
from backend.cli.screen import Screen
from backend.cli.tracker import TransferTracker
from backend.core.formatting import printable

if TYPE_CHECKING:
    from backend.cli.control_plane import ControlPlane
    from backend.client.models import Refusal, Transfer


def finish(
    plane: "ControlPlane",
    transfers: "Sequence[Transfer]",
    refused: "Sequence[Refusal]" = (),
    *,
    no_wait: bool,
    as_json: bool,
) -> None:
    """Wait until none of them moves any more, and report how they ended. Raise Incomplete unless all are done."""
    transfers = [_resumed(plane, transfer) for transfer in transfers]
    if transfers and not no_wait:
        _start_embedded(plane, transfers)
        transfers = watch(plane, TransferTracker(transfers), Screen() if as_json else screen())
    if as_json:
        print_json(transfers)
    elif not transfers and not refused:
        say("All files are already here.")
    elif no_wait:
        print_table(("ID", "FILE"), ((transfer.id, transfer.place) for transfer in transfers))
    require_done([] if no_wait else transfers, refused)


def _resumed(plane: "ControlPlane", transfer: "Transfer") -> "Transfer":
    """Resume a paused transfer: to ask for its file again means to continue."""
    return (
        plane.run(plane.downloads.control("resume", transfer.id)) if transfer.state == "paused" else transfer
    )


def _start_embedded(plane: "ControlPlane", transfers: "Sequence[Transfer]") -> None:
    """Start an embedded control plane's transfers, these before what an earlier run has left in the queue."""
    if plane.embedded:
        plane.run(plane.downloads.put_first([transfer.id for transfer in transfers]))
        plane.begin()


def watch(
    plane: "ControlPlane", tracker: TransferTracker, shown_on: "Screen[Sequence[Transfer]]"
) -> "list[Transfer]":
    """Return the tracker's transfers once none of them moves any more."""
    with _interruptible(plane), shown_on:
        for update in plane.updates():
            tracker.apply(update)
            shown_on.show(tracker.rows)
            if tracker.over:
                break
    return tracker.rows


def screen() -> "Screen[Sequence[Transfer]]":
    """Return bars for a terminal, lines for anything else."""
    return Bars() if sys.stdout.isatty() else Lines()


def require_done(transfers: "Sequence[Transfer]", refused: "Sequence[Refusal]" = ()) -> None:
    """Raise Incomplete, with a sentence for each file that did not arrive."""
    sentences = [f"{file.filename}: {file.message}" for file in refused]
    sentences += [_outcome(transfer) for transfer in transfers if transfer.state != "done"]
    if sentences:
        raise Incomplete("\n".join(sentences))


def _outcome(transfer: "Transfer") -> str:
    reason = f": {printable(transfer.problem.message)}" if transfer.problem else "."
    sentence = f"{transfer.place} is {transfer.state}{reason}"
    match transfer.state:
        case "failed" | "cancelled":
            return f"{sentence}\nTo try again: comfypod downloads retry {transfer.id}"
        case "paused":
            return f"{sentence}\nTo continue: comfypod downloads resume {transfer.id}"
        case "quarantined":
            return (
                f"{sentence}\nTo download it again: comfypod downloads retry {transfer.id}\n"
                f"To keep it all the same: comfypod downloads accept {transfer.id}"
            )
    return f"{sentence}\nTo see its state: comfypod downloads"


@contextlib.contextmanager
def _interruptible(plane: "ControlPlane") -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt:
        if plane.embedded:
            raise Interrupted("Stopped. What has arrived stays; the same command continues.") from None
        raise Interrupted(
            "The downloads continue. To look again: comfypod downloads. To stop them: comfypod downloads pause"
        ) from None
