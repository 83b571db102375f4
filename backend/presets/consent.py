"""Asks before files come that can run code when they are loaded."""

from collections.abc import Iterable

from backend.core.errors import Conflict
from backend.presets.models import PresetFile


def check_consent(files: Iterable[PresetFile], *, allow_pickle: bool) -> None:
    """Conflict that names every pickle among the files, unless somebody trusts their authors."""
    pickles = [file for file in files if file.is_pickle]
    if not pickles or allow_pickle:
        return
    raise Conflict(
        f"{_listed([file.filename for file in pickles])} can run code when "
        f"{'it is' if len(pickles) == 1 else 'they are'} loaded. Confirm that you trust "
        f"{_listed(sorted({file.host for file in pickles}))} and the author, "
        "or look for a .safetensors file instead.",
        code="pickle_unconfirmed",
        files=[file.place for file in pickles],
    )


def _listed(words: list[str]) -> str:
    """`a, b and c`."""
    *first, last = words
    return f"{', '.join(first)} and {last}" if first else last
