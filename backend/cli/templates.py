"""`comfypod templates …`: the workflows that jobs can be made from."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from backend.cli.completion import template_ids
from backend.cli.errors import CommandError, Refused
from backend.cli.files import STANDARD_INPUT, content_of
from backend.cli.lazy import control_plane
from backend.cli.options import Json
from backend.cli.output import print_json, print_table, say
from backend.core.formatting import format_bytes, printable

if TYPE_CHECKING:
    from backend.client.models import TemplateSummary, WorkflowRequirements

app = typer.Typer(help="The workflows that jobs can be made from, and their inputs.", no_args_is_help=True)

TemplateId = Annotated[str, typer.Argument(metavar="ID", autocompletion=template_ids)]
# Codes of errors that mean "ComfyUI cannot say now".
AWAY = "comfyui_unreachable"
LONGEST_CHOICE = 60


@app.command("ls")
def show_list(
    words: Annotated[
        list[str] | None, typer.Argument(help="Only templates that contain all of these.")
    ] = None,
    source: Annotated[
        str | None, typer.Option(help="`official`, `comfyui`, `folder`, `uploaded` or `workflows_yaml`.")
    ] = None,
    makes: Annotated[str | None, typer.Option(help="`image`, `video`, `audio`, `3d` or `text`.")] = None,
    paid: Annotated[bool, typer.Option("--paid", help="Also those that call paid services.")] = False,
    as_json: Json = False,
) -> None:
    """List templates: `workflows.yaml`, saved in ComfyUI, files on the volume, uploads, ComfyUI's examples."""
    with control_plane() as plane:
        search = plane.templates.search(" ".join(words or []), source=source, media_type=makes, paid=paid)
        found = plane.run(search)
    if as_json:
        print_json(found)
    elif found:
        print_table(("ID", "MAKES", "TITLE"), map(_row, found))
    else:
        say("No template matches.")


@app.command()
def show(
    template_id: TemplateId,
    everything: Annotated[bool, typer.Option("--all", help="Every input that can be set.")] = False,
    as_json: Json = False,
) -> None:
    """Show a template: its inputs, and what it requires."""
    with control_plane() as plane:
        template = plane.run(plane.templates.get(template_id))
        requirements = plane.run(plane.templates.requirements(template.id))
        schema: dict[str, Any] | None
        try:
            schema = plane.run(plane.templates.schema(template.id, everything=everything))
        except Refused as error:
            if error.code != AWAY:
                raise
            schema = None
    if as_json:
        print_json({"template": template, "inputs": schema, "requirements": requirements})
        return
    for line in (template.id, template.title, template.description):
        if line:
            typer.echo(printable(line))
    if schema is None:
        say("ComfyUI does not answer, so the inputs are unknown.")
    else:
        typer.echo()
        print_table(("INPUT", "ADDRESS", "TYPE", "DEFAULT"), map(_input_row, schema["properties"].items()))
    _show_requirements(requirements)


@app.command()
def add(
    file: Annotated[
        str, typer.Argument(help="A workflow, or a picture or video that ComfyUI saved; `-` for a pipe.")
    ],
    title: Annotated[str | None, typer.Option(help="Default: the name of the file.")] = None,
    description: Annotated[str, typer.Option(help="Shown with it.")] = "",
    as_json: Json = False,
) -> None:
    """Keep a workflow on the pod's volume, as a template."""
    content = _workflow_text(file)
    named = title or (Path(file).stem if file != STANDARD_INPUT else "workflow")
    with control_plane() as plane:
        template = plane.run(plane.templates.add(named, content, description))
    if as_json:
        print_json(template)
    else:
        print_table(("ID", "TITLE"), [(template.id, template.title)])


@app.command()
def remove(template_id: TemplateId) -> None:
    """Delete an uploaded template. The jobs made from it keep its workflow."""
    with control_plane() as plane:
        plane.run(plane.templates.remove(template_id))


def _workflow_text(file: str) -> bytes:
    """Return the workflow alone: a video may be larger than what can be uploaded."""
    from backend.core.errors import AppError  # noqa: PLC0415
    from backend.workflows.reader import read_workflow  # noqa: PLC0415

    try:
        return json.dumps(read_workflow(content_of(file)).document).encode()
    except AppError as error:
        raise CommandError(f"{file}: {error.message}") from None


def _row(template: "TemplateSummary") -> tuple[str, ...]:
    return template.id, template.media_type or "", template.problem or template.title


def _input_row(entry: tuple[str, dict[str, Any]]) -> tuple[str, ...]:
    name, schema = entry
    place = schema["x-comfypod"]
    kind = str(schema.get("type", ""))
    choices = schema.get("enum") or []
    if choices:
        listed = ", ".join(map(str, choices))
        kind = listed if len(listed) <= LONGEST_CHOICE else f"{listed[:LONGEST_CHOICE]}…"
    elif "minimum" in schema and "maximum" in schema:
        kind = f"{kind} {schema['minimum']}..{schema['maximum']}"
    default = str(schema.get("default", ""))
    return name, f"{place['node']}.{place['input']}", kind, default[:LONGEST_CHOICE]


def _show_requirements(requirements: "WorkflowRequirements") -> None:
    missing = [file for file in requirements.files if file.state != "here" and not file.switched_off]
    for file in missing:
        say(printable(f"Missing: {file.folder}/{file.filename} ({format_bytes(file.bytes)}), {file.state}"))
    for node in requirements.missing_nodes:
        package = f", from {node.package}" if node.package else ""
        say(printable(f"This ComfyUI has no node {node.type}{package}."))
    if missing:
        say("To download what is available when you run it: comfypod run … --download-models")
