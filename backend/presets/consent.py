"""Asks for consent before files of a preset are downloaded that can run code when they are loaded."""

from collections.abc import Iterable

from backend.presets.models import PresetFile
from backend.sources.consent import check_pickle_consent


def check_consent(files: Iterable[PresetFile], *, allow_pickle: bool) -> None:
    """Raise Conflict that names every pickle among the files, unless the user trusts their authors."""
    pickles = [file for file in files if file.is_pickle]
    check_pickle_consent(
        [file.place for file in pickles], (file.host for file in pickles), allow_pickle=allow_pickle
    )
