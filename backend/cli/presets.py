"""`comfypod presets …`: list, show and install presets."""

from typing import TYPE_CHECKING, Annotated

import typer

from backend.cli.completion import preset_ids
from backend.cli.lazy import control_plane
from backend.cli.options import AllowPickle, Json, NoWait
from backend.cli.output import print_json, print_table, say
from backend.cli.watch import finish
from backend.core.formatting import format_bytes, printable

if TYPE_CHECKING:
    from backend.client.models import FileStatus, Preset, PresetStatus, PresetSummary

app = typer.Typer(help="Workflows and every file they need.", no_args_is_help=True)

PresetId = Annotated[str, typer.Argument(metavar="ID", autocompletion=preset_ids)]
PresetIds = Annotated[list[str], typer.Argument(metavar="ID...", autocompletion=preset_ids)]


@app.command("list")
def show_list(
    words: Annotated[list[str] | None, typer.Argument(help="Only presets that contain all of these.")] = None,
    category: Annotated[str | None, typer.Option(help="Only this category.")] = None,
    installed: Annotated[
        bool | None,
        typer.Option("--installed/--missing", help="Only presets that are, or are not, installed."),
    ] = None,
    as_json: Json = False,
) -> None:
    """List the catalogue: ComfyPod's presets, imported ones, and ComfyUI's workflows."""
    with control_plane() as plane:
        search = plane.presets.search(" ".join(words or []), category=category, installed=installed)
        found = plane.run(search)
    if as_json:
        print_json(found)
    elif found:
        print_table(("ID", "STATE", "SIZE", "TITLE"), map(_summary_row, found))
    else:
        say("No preset matches.")


@app.command()
def show(preset_id: PresetId, as_json: Json = False) -> None:
    """Show a preset: its files, their sizes, and which are here."""
    with control_plane() as plane:
        preset = plane.run(plane.presets.get(preset_id))
        status = plane.run(plane.presets.status(preset_id, ask=True))
    if as_json:
        print_json(status)
        return
    for line in _description(preset):
        typer.echo(printable(line))
    typer.echo()
    print_table(("FILE", "STATE", "SIZE"), map(_file_row, status.files))
    typer.echo()
    typer.echo(_verdict(status))


@app.command()
def install(
    preset_ids: PresetIds,
    allow_pickle: AllowPickle = False,
    replace: Annotated[
        bool,
        typer.Option(
            "--replace", help="Rename different files of the same name, and download the right ones."
        ),
    ] = False,
    no_wait: NoWait = False,
    as_json: Json = False,
) -> None:
    """Download missing files, and wait for them."""
    with control_plane(outlives=no_wait) as plane:
        for preset_id in preset_ids:
            plane.run(plane.presets.get(preset_id))  # fails for a wrong id before anything is downloaded
        transfers = [
            transfer
            for preset_id in preset_ids
            for transfer in plane.run(
                plane.presets.download(preset_id, allow_pickle=allow_pickle, replace=replace)
            )
        ]
        finish(plane, transfers, no_wait=no_wait, as_json=as_json)


@app.command()
def keep(
    preset_id: PresetId,
    files: Annotated[
        list[str] | None, typer.Argument(metavar="FILE...", help="Such as vae/ae.safetensors. Default: all.")
    ] = None,
    undo: Annotated[bool, typer.Option("--undo", help="Forget the decision; the files stay.")] = False,
    as_json: Json = False,
) -> None:
    """Keep your own files that have the names of a preset's: they count as installed while they are unchanged."""
    named: list[str] | list[None] = files or [None]
    with control_plane() as plane:
        change = plane.presets.undo_keep if undo else plane.presets.keep
        status = [plane.run(change(preset_id, file)) for file in named][-1]
    if as_json:
        print_json(status)
    else:
        print_table(("FILE", "STATE", "SIZE"), map(_file_row, status.files))


def _summary_row(summary: "PresetSummary") -> tuple[str, ...]:
    preset = summary.preset
    state = summary.state
    if state in ("partial", "downloading"):
        state = f"{state} {summary.installed_files}/{len(preset.files)}"
    return preset.id, state, format_bytes(preset.disk_bytes), preset.title


def _description(preset: "Preset") -> list[str]:
    facts = [preset.category]
    if preset.vram_gb:
        facts.append(f"{preset.vram_gb:g} GB of video memory")
    facts.append(f"licence {preset.licence or 'not verified'}")
    if preset.gated:
        facts.append("the hub requires a token and an accepted licence")
    return [line for line in (preset.title, preset.description, " · ".join(facts)) if line]


def _file_row(entry: "FileStatus") -> tuple[str, ...]:
    return entry.file.place, entry.state, format_bytes(entry.bytes)


def _verdict(status: "PresetStatus") -> str:
    if status.state == "installed":
        return "All files are here."
    sizes = [format_bytes(status.to_fetch)] if status.to_fetch else []
    if status.sizes_unknown:
        sizes.append(f"{status.sizes_unknown} of unknown size")
    sentence = f"To download: {' and '.join(sizes) or 'nothing'}. Free: {format_bytes(status.free)}."
    return f"{sentence} {format_bytes(status.short_by)} more are needed." if status.short_by else sentence
