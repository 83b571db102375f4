"""`comfypod notifications …`: channels that are notified of what happens on the pod."""

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from backend.cli.errors import CommandError, Misused
from backend.cli.lazy import control_plane
from backend.cli.options import Json
from backend.cli.output import print_json, print_table, say

if TYPE_CHECKING:
    from backend.client.notifications import Channel

app = typer.Typer(help="Channels that are notified of what happens on the pod.", no_args_is_help=True)


@app.command("ls")
def show_list(as_json: Json = False) -> None:
    """List the channels, without their addresses, and how the last message went."""
    with control_plane() as plane:
        found = plane.run(plane.notifications.channels())
    if as_json:
        print_json(found)
    elif found:
        print_table(("ID", "NAME", "KIND", "TARGET", "LAST MESSAGE"), map(_row, found))
    else:
        say("No channels. To add one: comfypod notifications add NAME")


@app.command()
def add(
    name: Annotated[str, typer.Argument(help="Such as Phone.")],
    kind: Annotated[str, typer.Option(help="`apprise`, `webhook` or `browser`.")] = "apprise",
    token: Annotated[
        bool, typer.Option("--token", help="Also ask for a token, which a webhook gets as Bearer.")
    ] = False,
    event: Annotated[
        list[str] | None,
        typer.Option(help="Such as `job_failed`; can be repeated. Default: what needs attention, and ends."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Add a channel. Its address is asked for, or read from a pipe: arguments are seen by other users."""
    url = "" if kind == "browser" else _secret("Address, such as ntfy://TOPIC")
    secret = _secret("Token") if token else ""
    with control_plane() as plane:
        channel = plane.run(plane.notifications.add(name, kind, url, secret, event))
    if as_json:
        print_json(channel)
    else:
        say(f"Added {channel.name} ({channel.target}). To try it: comfypod notifications test {channel.name}")


@app.command()
def test(which: Annotated[str, typer.Argument(metavar="CHANNEL", help="Id or name.")]) -> None:
    """Send a test message."""
    with control_plane() as plane:
        channel = _one(which, plane.run(plane.notifications.channels()))
        delivery = plane.run(plane.notifications.test(channel.id))
    if delivery.problem:
        raise CommandError(f"Not delivered: {delivery.problem}")
    say(f"Delivered to {channel.name}.")


@app.command()
def rm(which: Annotated[list[str], typer.Argument(metavar="CHANNEL...", help="Ids or names.")]) -> None:
    """Remove channels with their addresses."""
    with control_plane() as plane:
        channels = plane.run(plane.notifications.channels())
        for channel in [_one(word, channels) for word in dict.fromkeys(which)]:
            plane.run(plane.notifications.remove(channel.id))
            say(f"Removed {channel.name}.")


def _secret(question: str) -> str:
    """Return a secret from the terminal, or the next line of a pipe."""
    if sys.stdin.isatty():
        answer: str = typer.prompt(question, hide_input=True, err=True)
        return answer.strip()
    line = sys.stdin.readline().strip()
    if not line:
        raise Misused(f"{question}: write it to standard input.")
    return line


def _one(word: str, channels: "list[Channel]") -> "Channel":
    found = [channel for channel in channels if word in (channel.id, channel.name)]
    if len(found) != 1:
        reason = f"Several channels are named '{word}'" if found else f"No channel named '{word}'"
        raise CommandError(f"{reason}. To see all with their ids: comfypod notifications ls")
    return found[0]


def _row(channel: "Channel") -> tuple[str, ...]:
    last = channel.last
    state = "never" if last is None else last.problem or f"delivered {last.at.astimezone():%Y-%m-%d %H:%M}"
    return channel.id, channel.name, channel.kind, channel.target, state
