"""`comfypod workflow convert`: the prompt that ComfyUI runs for a workflow."""

import asyncio
import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from backend.cli.errors import CommandError
from backend.cli.files import content_of
from backend.cli.output import say
from backend.cli.workflow import workflow
from backend.core.errors import AppError
from backend.core.formatting import printable

if TYPE_CHECKING:
    from backend.workflows.graph import Workflow

DEFAULT = "requirements"


class _FileOrCommand(TyperGroup):
    """`comfypod workflow FILE` means `comfypod workflow requirements FILE`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if args and args[0] not in (*self.commands, "--help"):
            args = [DEFAULT, *args]
        return super().parse_args(ctx, args)


app = typer.Typer(
    cls=_FileOrCommand,
    no_args_is_help=True,
    help="What a workflow requires, and the prompt that ComfyUI runs for it. "
    f"`workflow FILE` is short for `workflow {DEFAULT} FILE`.",
)
app.command(DEFAULT)(workflow)


@app.command()
def convert(
    file: Annotated[
        str, typer.Argument(help="A workflow, or a file that ComfyUI saved with one in it; `-` for a pipe.")
    ],
    object_info: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="What ComfyUI's `/object_info` returns. Default: ask the running ComfyUI."
        ),
    ] = None,
) -> None:
    """Print the prompt that ComfyUI runs for a workflow, as JSON."""
    from backend.workflows.convert import convert as convert_workflow  # noqa: PLC0415
    from backend.workflows.reader import read_workflow  # noqa: PLC0415

    try:
        read = read_workflow(content_of(file))
        info = asyncio.run(_ask_comfyui(read)) if object_info is None else _object_info(object_info)
        conversion = convert_workflow(read, info)
    except AppError as error:
        raise CommandError(error.message) from None
    for kind in sorted(set(conversion.unknown_types.values())):
        say(
            printable(
                f"This ComfyUI has no node {kind}. Its widgets are converted by the names in the file only."
            )
        )
    typer.echo(json.dumps(conversion.prompt, ensure_ascii=False, indent=2))


def _object_info(file: Path) -> dict[str, Any]:
    try:
        info = json.loads(content_of(str(file)))
    except (ValueError, RecursionError):
        info = None
    if not isinstance(info, dict):
        raise CommandError(f"{file} is not what ComfyUI's /object_info returns: it is no JSON object.")
    return info


async def _ask_comfyui(read: "Workflow") -> dict[str, Any]:
    """Return the node types of the workflow, from the ComfyUI of this pod."""
    import httpx  # noqa: PLC0415

    from backend.comfy.client import ComfyClient  # noqa: PLC0415
    from backend.config.settings import load_settings  # noqa: PLC0415

    types = {node.type for node in read.all_nodes}
    async with httpx.AsyncClient() as client:
        described = await ComfyClient(str(load_settings().comfyui_url), client).node_types.describe(types)
    return {name: found.raw for name, found in described.items()}
