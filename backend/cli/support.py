"""`comfypod support-bundle`: a zip file for those who help."""

from pathlib import Path
from typing import Annotated

import typer

from backend.cli.errors import CommandError
from backend.cli.lazy import control_plane
from backend.cli.output import say


def support_bundle(
    file: Annotated[Path, typer.Argument(help="Where to write it.")] = Path("comfypod-support.zip"),
) -> None:
    """Save versions, settings, problems and logs, without secrets, as a zip file."""
    with control_plane() as plane:
        content = plane.run(plane.system.support_bundle())
    try:
        file.write_bytes(content)
    except OSError as error:
        raise CommandError(f"{file} cannot be written: {error.strerror}.") from None
    say(f"Saved {file}. Look at it before you publish it: it contains file names and log lines.")
