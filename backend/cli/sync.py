"""`comfypod sync …`: outputs and saved workflows at S3-compatible storage."""

import asyncio
import sys
from getpass import getpass
from typing import TYPE_CHECKING, Annotated

import typer

from backend.cli.errors import CommandError
from backend.cli.lazy import control_plane
from backend.cli.options import Json, NoWait
from backend.cli.output import print_json, print_table, say
from backend.core.formatting import format_bytes

if TYPE_CHECKING:
    from backend.cli.control_plane import ControlPlane
    from backend.client.sync import SyncRemote, SyncState

app = typer.Typer(
    help="Copy outputs and saved workflows to S3-compatible storage and back.", no_args_is_help=True
)
remotes = typer.Typer(help="Where files are copied to.", no_args_is_help=True)
app.add_typer(remotes, name="remotes")

POLL_SECONDS = 0.5

Remote = Annotated[
    str, typer.Option("--remote", metavar="NAME", help="A remote. Default: every one, or the first.")
]


@app.command()
def status(as_json: Json = False) -> None:
    """Show the states of the files and the run in progress."""
    with control_plane() as plane:
        found = plane.run(plane.sync.show())
    if as_json:
        print_json(found)
        return
    if not found.remotes:
        say("No remote yet. To add one: comfypod sync remotes add NAME --bucket BUCKET --key KEY")
        return
    print_table(("REMOTE", "DONE", "PENDING", "FAILED", "SIZE", "LAST"), map(_row, found.remotes))
    _say_problems(found)
    if found.progress:
        say(f"{_doing(found)} …")


@app.command()
def now(remote: Remote = "", no_wait: NoWait = False, as_json: Json = False) -> None:
    """Upload what has changed."""
    with control_plane(outlives=no_wait) as plane:
        state = plane.run(plane.sync.upload(remote))
        _finish(state if no_wait else plane.run(_ended(plane)), as_json=as_json, waited=not no_wait)


@app.command()
def restore(remote: Remote = "", no_wait: NoWait = False, as_json: Json = False) -> None:
    """Download what this pod lacks. Files that it has stay as they are."""
    with control_plane(outlives=no_wait) as plane:
        state = plane.run(plane.sync.restore(remote))
        _finish(state if no_wait else plane.run(_ended(plane)), as_json=as_json, waited=not no_wait)


@app.command()
def cancel() -> None:
    """End the run in progress. Files that were copied stay copied."""
    with control_plane() as plane:
        plane.run(plane.sync.cancel())


@remotes.command("ls")
def show_remotes(as_json: Json = False) -> None:
    """List the remotes. Secrets are never shown."""
    with control_plane() as plane:
        found = plane.run(plane.sync.show()).remotes
    if as_json:
        print_json(found)
        return
    rows = [
        (remote.name, remote.endpoint or "Amazon S3", remote.bucket, remote.prefix, remote.key_ending or "")
        for remote in found
    ]
    print_table(("NAME", "ENDPOINT", "BUCKET", "FOLDER", "KEY ENDS IN"), rows)


@remotes.command()
def add(
    name: Annotated[str, typer.Argument(help="Lower-case letters, digits and dashes.")],
    bucket: Annotated[str, typer.Option(help="The bucket; it must exist.")],
    key: Annotated[str, typer.Option("--key", metavar="ID", help="Id of the access key.")],
    endpoint: Annotated[str, typer.Option(help="Address of the storage. Default: Amazon S3.")] = "",
    region: Annotated[str, typer.Option(help="Region, if the storage has any.")] = "",
    folder: Annotated[str, typer.Option(help="Folder in the bucket.")] = "comfypod",
) -> None:
    """Add or replace a remote, and write a small object to it.

    The secret is asked for, or read from standard input.
    """
    secret = getpass("Secret: ") if sys.stdin.isatty() else sys.stdin.readline().strip()
    with control_plane() as plane:
        plane.run(
            plane.sync.save(
                name,
                endpoint=endpoint or None,
                region=region,
                bucket=bucket,
                prefix=folder,
                key_id=key,
                secret=secret,
            )
        )
        plane.run(plane.sync.test(name))
        say(f"{name} is saved, and the storage accepts the key.")


@remotes.command()
def test(name: Annotated[str, typer.Argument(help="Name of the remote.")]) -> None:
    """Write a small object to a remote."""
    with control_plane() as plane:
        plane.run(plane.sync.test(name))
        say("The storage accepts the key.")


@remotes.command()
def rm(name: Annotated[str, typer.Argument(help="Name of the remote.")]) -> None:
    """Remove a remote and its key. Its files stay at the storage."""
    with control_plane() as plane:
        plane.run(plane.sync.remove(name))
        say(f"Removed {name}.")


async def _ended(plane: "ControlPlane") -> "SyncState":
    """Return the state once nothing is requested and nothing runs."""
    while True:
        state = await plane.sync.show()
        if not state.requested and state.progress is None:
            return state
        await asyncio.sleep(POLL_SECONDS)


def _finish(state: "SyncState", *, as_json: bool, waited: bool) -> None:
    if as_json:
        print_json(state)
    elif not waited:
        say("Begun. To see how far it is: comfypod sync status")
    else:
        for remote in state.remotes:
            for outcome in remote.outcomes:
                verb = "restored" if outcome.kind == "restore" else "uploaded"
                kept = f", {outcome.kept} of this pod kept" if outcome.kept else ""
                say(f"{remote.name}: {verb} {outcome.files} files, {format_bytes(outcome.bytes)}{kept}")
    if waited:
        problems = [
            outcome.problem for remote in state.remotes for outcome in remote.outcomes if outcome.problem
        ]
        if problems:
            raise CommandError(problems[0])


def _say_problems(state: "SyncState") -> None:
    for remote in state.remotes:
        for outcome in remote.outcomes:
            if outcome.problem:
                say(f"{remote.name}: {outcome.problem}")


def _row(remote: "SyncRemote") -> tuple[str, ...]:
    last = max((outcome.at for outcome in remote.outcomes), default=None)
    pending = remote.pending.files + remote.uploading.files
    moment = f"{last.astimezone():%Y-%m-%d %H:%M}" if last else "never"
    counts = (remote.done.files, pending, remote.failed.files)
    return remote.name, *map(str, counts), format_bytes(remote.done.bytes), moment


def _doing(state: "SyncState") -> str:
    assert state.progress  # noqa: S101 - checked by the caller
    verb = "restoring from" if state.progress.kind == "restore" else "uploading to"
    progress = state.progress
    return f"{verb} {progress.remote}: {progress.files_done} of {progress.files} files"
