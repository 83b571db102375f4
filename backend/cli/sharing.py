"""`comfypod presets update|import|export`."""

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
        report = plane.run(plane.presets.update())
    if as_json:
        print_json(report)
    else:
        typer.echo(f"{report.presets} presets, {len(report.added)} added, {len(report.removed)} removed.")
    if report.problems:
        lines = (f"{problem.file}, line {problem.line}: {problem.message}" for problem in report.problems)
        raise CommandError("\n".join(map(printable, lines)))


def add(
    source: Annotated[
        str, typer.Argument(metavar="SOURCE", help="A file, an http(s) URL, or `-` for standard input.")
    ],
    as_json: Json = False,
) -> None:
    """Add a preset that was exported on another pod."""
    from_web = source.startswith(("http://", "https://"))
    content = b"" if from_web else content_of(source)
    with control_plane() as plane:
        presets = plane.presets
        preset = plane.run(presets.add_from(source) if from_web else presets.add(content))
    if as_json:
        print_json(preset)
    else:
        typer.echo(f"Added. To download it: comfypod presets install {preset.id}")


def export(
    preset_id: Annotated[str, typer.Argument(metavar="ID", help="The id of the new preset.")],
    files: Annotated[
        list[str] | None, typer.Argument(metavar="FILE...", help="Such as vae/ae.safetensors. Default: all.")
    ] = None,
    title: Annotated[str | None, typer.Option(help="Default: its id.")] = None,
    category: Annotated[str, typer.Option(help="The category that lists it.")] = "Added",
) -> None:
    """Print the models of this pod as a preset, each file pinned to its hash."""
    options = {"id": preset_id, "title": title or preset_id, "category": category, "files": files}
    with control_plane() as plane:
        report = plane.run(plane.presets.export(**options))
        while report.hashing:
            say(f"Hashing files, {len(report.hashing)} remain.")
            report = plane.run(plane.presets.export(**options))
    for name in report.left_out:
        say(f"{printable(name)} is left out: it is unknown where it can be downloaded.")
    if report.preset is None:
        raise CommandError("Nothing to export: it is unknown where any of the files can be downloaded.")
    typer.echo(report.preset, nl=False)
