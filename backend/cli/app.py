"""The `comfypod` command."""

from typing import Annotated

import typer

from backend import __version__
from backend.cli import (
    activity,
    autostop,
    downloads,
    jobs,
    keys,
    mcp_stdio,
    nodes,
    notifications,
    outputs,
    presets,
    price,
    provision,
    rate_limits,
    run,
    schedules,
    services,
    sessions,
    sharing,
    storage,
    support,
    sync,
    templates,
    workflow_convert,
)
from backend.cli.completion import folders
from backend.cli.errors import Misused
from backend.cli.lazy import control_plane
from backend.cli.options import AllowPickle, Json, NoWait
from backend.cli.watch import finish

app = typer.Typer(
    help="Presets, downloads and jobs of this pod. Where no control plane runs, a command does the work itself.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
app.add_typer(presets.app, name="presets")
app.add_typer(downloads.app, name="downloads")
app.add_typer(jobs.app, name="jobs")
app.add_typer(templates.app, name="templates")
app.command()(run.run)
app.add_typer(schedules.app, name="schedules")
app.add_typer(outputs.app, name="outputs")
app.add_typer(storage.app, name="storage")
app.add_typer(workflow_convert.app, name="workflow")
app.add_typer(keys.app, name="keys")
app.add_typer(sessions.app, name="sessions")
app.add_typer(autostop.app, name="autostop")
app.add_typer(price.app, name="price")
app.add_typer(notifications.app, name="notifications")
app.add_typer(sync.app, name="sync")
app.add_typer(services.app, name="services")
app.add_typer(nodes.app, name="nodes")
app.add_typer(provision.app, name="provision")
app.command()(activity.activity)
app.command()(mcp_stdio.mcp)
app.command()(support.support_bundle)
presets.app.command()(sharing.update)
presets.app.command("import")(sharing.add)
presets.app.command()(sharing.export)
downloads.app.command()(rate_limits.limits)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"comfypod {__version__}")
        raise typer.Exit


@app.callback()
def common(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    pass


@app.command()
def download(
    url: Annotated[str, typer.Argument(help="Hugging Face, Civitai or any http(s) URL.")],
    to: Annotated[
        str | None,
        typer.Option(
            metavar="FOLDER", help="Model folder, such as `loras` or `loras/style`.", autocompletion=folders
        ),
    ] = None,
    name: Annotated[str | None, typer.Option(help="Name on disk. Default: the name at the source.")] = None,
    sha256: Annotated[str | None, typer.Option(help="SHA-256 that the content must have.")] = None,
    allow_pickle: AllowPickle = False,
    everything: Annotated[
        bool, typer.Option("--all", help="Every file of a repository, a folder or a version.")
    ] = False,
    keep_folders: Annotated[
        bool, typer.Option("--keep-folders", help="With --all, keep the source's folders below FOLDER.")
    ] = False,
    no_wait: NoWait = False,
    as_json: Json = False,
) -> None:
    """Download a file into a model folder, and wait for it."""
    request: dict[str, str | bool | None] = {"url": url, "folder": to, "allow_pickle": allow_pickle}
    if everything and (name or sha256):
        raise Misused("A name and a hash belong to one file: omit --all, or --name and --sha256.")
    if not everything and to is None:
        raise Misused("Name the model folder: --to FOLDER, such as --to loras.")
    with control_plane(outlives=no_wait) as plane:
        if everything:
            batch = plane.downloads.add_all(**request, keep_folders=keep_folders)
            report = plane.run(batch)
            finish(plane, report.transfers, report.refused, no_wait=no_wait, as_json=as_json)
        else:
            transfer = plane.run(plane.downloads.add(**request, filename=name, sha256=sha256))
            finish(plane, [transfer], no_wait=no_wait, as_json=as_json)
