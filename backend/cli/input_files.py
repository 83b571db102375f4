"""Uploads the files that inputs of jobs name with `@`."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from backend.cli.errors import CommandError
from backend.cli.job_inputs import FileToUpload, Values

if TYPE_CHECKING:
    from backend.cli.control_plane import ControlPlane


def upload_inputs(plane: "ControlPlane", groups: Iterable[Values]) -> None:
    """Replace each file in the values by the name that nodes load it by. A file that occurs twice is uploaded once."""
    names: dict[Path, str] = {}

    def name_of(value: Any) -> Any:
        if not isinstance(value, FileToUpload):
            return value
        if value.path not in names:
            names[value.path] = _upload(plane, value.path)
        return names[value.path]

    for group in groups:
        for key, value in group.items():
            group[key] = [name_of(each) for each in value] if isinstance(value, list) else name_of(value)


def _upload(plane: "ControlPlane", path: Path) -> str:
    try:
        return plane.run(plane.inputs.upload(path)).name
    except OSError as error:
        raise CommandError(f"{path} cannot be read: {error.strerror}.") from None
