"""`comfypod storage …`: list and delete the models that ComfyUI offers."""

from typing import TYPE_CHECKING, Annotated

import typer

from backend.cli.completion import model_paths
from backend.cli.errors import CommandError
from backend.cli.lazy import control_plane
from backend.cli.options import Json
from backend.cli.output import print_json, print_table, say
from backend.core.formatting import format_bytes

if TYPE_CHECKING:
    from backend.client.models import ModelFile

app = typer.Typer(help="The models on this pod, wherever they came from.", no_args_is_help=True)

Paths = Annotated[list[str], typer.Argument(metavar="PATH...", autocompletion=model_paths)]


@app.command("list")
def show_list(
    words: Annotated[list[str] | None, typer.Argument(help="Only paths that contain all of these.")] = None,
    as_json: Json = False,
) -> None:
    """List every model, the largest first."""
    wanted = [word.lower() for word in words or []]
    with control_plane() as plane:
        models = plane.run(plane.storage.models())
    found = [model for model in models if all(word in model.path.lower() for word in wanted)]
    found.sort(key=lambda model: -model.bytes)
    if as_json:
        print_json(found)
    elif found:
        print_table(("PATH", "SIZE", "PRESETS"), map(_row, found))
    else:
        say("No such model.")


@app.command()
def delete(paths: Paths) -> None:
    """Delete models, named as `list` shows them. When one of them does not exist, nothing is deleted."""
    with control_plane() as plane:
        models = {model.path: model for model in plane.run(plane.storage.models())}
        unknown = [path for path in paths if path not in models]
        if unknown:
            raise CommandError(f"No model at {', '.join(unknown)}. To see all models: comfypod storage list")
        for path in dict.fromkeys(paths):
            plane.run(plane.storage.delete(path))
            say(f"Deleted {path}, {format_bytes(models[path].bytes)}.")


def _row(model: "ModelFile") -> tuple[str, ...]:
    return model.path, format_bytes(model.bytes), " ".join(model.presets)
