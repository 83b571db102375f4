"""`comfypod presets update|import|export`: definitions from elsewhere, and for elsewhere."""

from typing import Annotated

import typer

from backend.cli.errors import CommandError
from backend.cli.files import content_of
from backend.cli.lazy import control_plane
from backend.cli.options import Json
from backend.cli.output import print_json, say
from backend.core.formatting import printable


def update(as_json: Json = False) -> None:
    """Read all definitions again."""
    with control_plane() as plane:
        report = plane.update()
    if as_json:
        print_json(report)
    else:
        typer.echo(f"{report.presets} presets, {len(report.added)} new, {len(report.removed)} gone.")
    if report.problems:
        lines = (f"{problem.file}, line {problem.line}: {problem.message}" for problem in report.problems)
        raise CommandError("\n".join(map(printable, lines)))


def add(
    source: Annotated[
        str, typer.Argument(metavar="SOURCE", help="A file, an http(s) address, or `-` for a pipe.")
    ],
    as_json: Json = False,
) -> None:
    """Add a preset that somebody exported."""
    from_web = source.startswith(("http://", "https://"))
    content = b"" if from_web else content_of(source)
    with control_plane() as plane:
        preset = plane.add_preset_from(source) if from_web else plane.add_preset(content)
    if as_json:
        print_json(preset)
    else:
        typer.echo(f"Added. To fetch it: comfypod presets install {preset.id}")


def export(
    preset_id: Annotated[str, typer.Argument(metavar="ID", help="What it is to be called.")],
    files: Annotated[
        list[str] | None, typer.Argument(metavar="FILE...", help="Such as vae/ae.safetensors. Default: all.")
    ] = None,
    title: Annotated[str | None, typer.Option(help="Default: its id.")] = None,
    category: Annotated[str, typer.Option(help="Where it is shown.")] = "Added",
) -> None:
    """Print what is on this pod as a preset, each file pinned to its hash."""
    wanted = {"id": preset_id, "title": title or preset_id, "category": category, "files": files}
    with control_plane() as plane:
        report = plane.export(**wanted)
        while report.hashing:
            say(f"Reading files to hash them, {len(report.hashing)} to go.")
            report = plane.export(**wanted)
    for name in report.left_out:
        say(f"{printable(name)} is left out: nobody knows where it can be had.")
    if report.preset is None:
        raise CommandError("There is nothing to export: of no file is it known where it can be had.")
    typer.echo(report.preset, nl=False)
