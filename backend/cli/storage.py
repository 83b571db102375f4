"""`comfypod storage …`: every model that ComfyUI can choose, and deleting some."""

from typing import TYPE_CHECKING, Annotated

import typer

from backend.cli.completion import model_paths
from backend.cli.errors import CommandError
from backend.cli.lazy import control_plane
from backend.cli.options import Json
from backend.cli.output import print_json, print_table, say
from backend.core.formatting import format_bytes

if TYPE_CHECKING:
    from backend.storage.models import ModelView

app = typer.Typer(help="The models on this pod, wherever they came from.", no_args_is_help=True)

Paths = Annotated[list[str], typer.Argument(metavar="PATH...", autocompletion=model_paths)]


@app.command("list")
def show_list(
    words: Annotated[list[str] | None, typer.Argument(help="Only paths that hold all of these.")] = None,
    as_json: Json = False,
) -> None:
    """Every model, the largest first."""
    with control_plane() as plane:
        wanted = [word.lower() for word in words or []]
        found = [model for model in plane.models() if all(word in model.path.lower() for word in wanted)]
    found.sort(key=lambda model: -model.bytes)
    if as_json:
        print_json(found)
    elif found:
        print_table(("PATH", "SIZE", "PRESETS"), map(_row, found))
    else:
        say("There is no such model.")


@app.command()
def delete(paths: Paths) -> None:
    """Delete models, named as `list` does. Nothing is deleted when one of them is not there."""
    with control_plane() as plane:
        here = {model.path: model for model in plane.models()}
        unknown = [path for path in paths if path not in here]
        if unknown:
            raise CommandError(
                f"There is no model at {', '.join(unknown)}. What there is: comfypod storage list"
            )
        for path in dict.fromkeys(paths):
            plane.delete_model(path)
            say(f"Deleted {path}, {format_bytes(here[path].bytes)}.")


def _row(model: "ModelView") -> tuple[str, ...]:
    return model.path, format_bytes(model.bytes), " ".join(model.presets)
