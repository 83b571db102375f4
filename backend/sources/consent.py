"""Asks for consent before files are downloaded that can run code when they are loaded."""

from collections.abc import Collection, Iterable

from backend.core.errors import Conflict


def check_pickle_consent(destinations: Collection[str], hosts: Iterable[str], *, allow_pickle: bool) -> None:
    """Raise Conflict that names every pickle file, unless the user trusts their authors.

    `destinations` are paths of pickle files below the models folder, `hosts` where they come from.
    """
    if not destinations or allow_pickle:
        return
    names = [destination.rpartition("/")[2] for destination in destinations]
    raise Conflict(
        f"{_enumerated(names)} can run code when {'it is' if len(names) == 1 else 'they are'} loaded. "
        f"Confirm that you trust {_enumerated(sorted(set(hosts)))} and the author, "
        "or look for a .safetensors file instead.",
        code="pickle_unconfirmed",
        files=list(destinations),
    )


def _enumerated(words: list[str]) -> str:
    """Return `a, b and c`."""
    *first, last = words
    return f"{', '.join(first)} and {last}" if first else last
