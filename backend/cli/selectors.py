"""Find the downloads that the arguments of a command name."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from backend.cli.errors import CommandError

if TYPE_CHECKING:
    from backend.cli.control_plane import ControlPlane
    from backend.client.models import Transfer


def selected(plane: "ControlPlane", words: Sequence[str]) -> "list[Transfer]":
    """Return one transfer for each word: an id, the beginning of one, a file name, or a path below the models folder."""
    transfers = plane.run(plane.downloads.search())
    return [_one(word, transfers) for word in words]


def _one(word: str, transfers: "Sequence[Transfer]") -> "Transfer":
    found = [
        row for row in transfers if (word and row.id.startswith(word)) or word in (row.filename, row.place)
    ]
    if not found:
        raise CommandError(f"No download named '{word}'. To see all downloads: comfypod downloads")
    if len({row.place for row in found}) > 1:
        names = "\n".join(f"  {row.id}  {row.place}" for row in found)
        raise CommandError(f"'{word}' matches several downloads. Give more of the id:\n{names}")
    # Several transfers of one file: the newest counts.
    return max(found, key=lambda row: row.created_at)
