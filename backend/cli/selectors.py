"""Which downloads somebody means."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from backend.cli.errors import CommandError

if TYPE_CHECKING:
    from backend.cli.client import ControlPlane
    from backend.downloads.schemas import TransferView


def named(plane: "ControlPlane", words: Sequence[str]) -> "list[TransferView]":
    """One transfer for each word: an id, the beginning of one, a file name, or a path below the models folder."""
    everything = plane.transfers()
    return [_one(word, everything) for word in words]


def _one(word: str, everything: "Sequence[TransferView]") -> "TransferView":
    found = [
        row for row in everything if (word and row.id.startswith(word)) or word in (row.filename, row.place)
    ]
    if not found:
        raise CommandError(f"There is no download called '{word}'. What there is: comfypod downloads")
    if len({row.place for row in found}) > 1:
        names = "\n".join(f"  {row.id}  {row.place}" for row in found)
        raise CommandError(f"'{word}' may be any of these. Take more of the id:\n{names}")
    # Asked for more than once; the newest counts.
    return max(found, key=lambda row: row.created_at)
