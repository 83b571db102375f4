"""All commands under one name."""

from typing import Annotated

import typer

from backend import __version__
from backend.cli import downloads, presets
from backend.cli.completion import folders
from backend.cli.opened import control_plane
from backend.cli.options import Json, NoWait
from backend.cli.watch import finish

app = typer.Typer(
    help="Presets and downloads of this pod. Where no control plane runs, a command does the work itself.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
app.add_typer(presets.app, name="presets")
app.add_typer(downloads.app, name="downloads")


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"comfypod {__version__}")
        raise typer.Exit


@app.callback()
def common(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Its version.")
    ] = False,
) -> None:
    pass


@app.command()
def download(
    url: Annotated[str, typer.Argument(help="Hugging Face, Civitai or any http(s) address.")],
    to: Annotated[
        str,
        typer.Option(
            metavar="FOLDER", help="Model folder, such as `loras` or `loras/style`.", autocompletion=folders
        ),
    ],
    name: Annotated[str | None, typer.Option(help="Name on disk. Default: as the source has it.")] = None,
    sha256: Annotated[str | None, typer.Option(help="Hash that the content must have.")] = None,
    allow_pickle: Annotated[
        bool, typer.Option("--allow-pickle", help="Also a format that can run code when it is loaded.")
    ] = False,
    no_wait: NoWait = False,
    as_json: Json = False,
) -> None:
    """Fetch one file into a model folder, and wait until it is here."""
    with control_plane(outlives=no_wait) as plane:
        transfer = plane.download(url=url, folder=to, filename=name, sha256=sha256, allow_pickle=allow_pickle)
        if transfer.state == "paused":  # asked for before, and stopped: asking again means go on
            transfer = plane.steer("resume", transfer.id)
        finish(plane, [transfer], no_wait=no_wait, as_json=as_json)
