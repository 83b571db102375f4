"""`comfypod outputs …`: list, fetch and delete what ComfyUI has made."""

from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Annotated

import typer

from backend.cli.errors import CommandError, Incomplete
from backend.cli.files import save
from backend.cli.lazy import control_plane
from backend.cli.options import Json
from backend.cli.output import print_json, print_table, say
from backend.core.formatting import format_bytes

if TYPE_CHECKING:
    from backend.client.outputs import Moved, OutputFile

app = typer.Typer(help="What ComfyUI has made.", no_args_is_help=True)

NEWEST = 50
Paths = Annotated[list[str], typer.Argument(metavar="PATH...", help="As `ls` shows them.")]


@app.command("ls")
def show_list(
    words: Annotated[list[str] | None, typer.Argument(help="Part of the path or of the prompt.")] = None,
    kind: Annotated[str | None, typer.Option(help="image, video, audio, 3d, text or file.")] = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, help="How many, the newest first.")] = NEWEST,
    as_json: Json = False,
) -> None:
    """List files, the newest first."""
    with control_plane() as plane:
        found = plane.run(plane.outputs.newest(limit, q=" ".join(words or ()), kind=kind))
    if as_json:
        print_json(found)
    elif found:
        print_table(("PATH", "SIZE", "MADE", "WORKFLOW", "SEED"), map(_row, found))
    else:
        say("No such output.")


@app.command()
def get(
    paths: Paths,
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for the files.")] = Path(),
) -> None:
    """Download files. Nothing that is in the folder already is overwritten."""
    with control_plane() as plane:
        for path in dict.fromkeys(paths):
            try:
                saved = save(plane, out, PurePosixPath(path).name, plane.outputs.content(path))
            except OSError as error:
                raise CommandError(f"{error.filename or out} cannot be written: {error.strerror}.") from None
            typer.echo(str(saved))


@app.command("rm")
def remove(paths: Paths) -> None:
    """Move files to the trash, from which `restore` brings them back."""
    with control_plane() as plane:
        moves = plane.run(plane.outputs.move_to_trash(list(dict.fromkeys(paths))))
    _report(moves, "Moved {} to the trash.")


@app.command()
def restore(
    paths: Annotated[
        list[str] | None, typer.Argument(metavar="PATH...", help="Default: list what is in the trash.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Move files back from the trash; without paths, list them."""
    with control_plane() as plane:
        items = plane.run(plane.outputs.trash("output"))
        if not paths:
            if as_json:
                print_json(items)
            else:
                print_table(("PATH", "SIZE"), ((item.path, format_bytes(item.bytes)) for item in items))
            return
        # Of several files with one path, the one that was deleted last.
        newest = {item.path: item.id for item in reversed(items)}
        unknown = [path for path in paths if path not in newest]
        if unknown:
            raise CommandError(
                f"Not in the trash: {', '.join(unknown)}. To see what is there: comfypod outputs restore"
            )
        moves = plane.run(plane.outputs.restore([newest[path] for path in dict.fromkeys(paths)]))
    _report(moves, "Restored {}.")


def _report(moves: "Sequence[Moved]", sentence: str) -> None:
    for item in (item for moved in moves for item in moved.items):
        say(sentence.format(item.path))
    refused = [refusal for moved in moves for refusal in moved.refused]
    if refused:
        raise Incomplete("\n".join(f"{each.path}: {each.message}" for each in refused))


def _row(output: "OutputFile") -> tuple[str, ...]:
    made = output.modified_at.astimezone().strftime("%Y-%m-%d %H:%M")
    seed = "" if output.seed is None else str(output.seed)
    return output.path, format_bytes(output.bytes), made, output.workflow or "", seed
