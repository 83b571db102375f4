"""`comfypod keys …`: API keys for other programs."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from backend.cli.errors import CommandError
from backend.cli.lazy import control_plane
from backend.cli.options import Json
from backend.cli.output import print_json, print_table, say

if TYPE_CHECKING:
    from backend.client.models import ApiKey

app = typer.Typer(help="API keys for other programs.", no_args_is_help=True)


@app.command("list")
def show_list(as_json: Json = False) -> None:
    """List the API keys, without their secrets."""
    with control_plane() as plane:
        found = plane.run(plane.access.keys())
    if as_json:
        print_json(found)
        return
    if found.keys:
        print_table(("ID", "NAME", "SCOPES", "EXPIRES", "LAST USED"), map(_row, found.keys))
    else:
        say("No API keys. To create one: comfypod keys create NAME")
    for name in found.unreadable:
        say(f"{name} holds no valid key and is ignored.")


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="What the key is for.")],
    scope: Annotated[
        list[str] | None, typer.Option(help="`read`, `run` or `admin`; can be repeated. Default: read.")
    ] = None,
    days: Annotated[int | None, typer.Option(help="Days until it expires. Default: never.")] = None,
    as_json: Json = False,
) -> None:
    """Create an API key, and print its secret, which is shown only now."""
    with control_plane() as plane:
        created = plane.run(plane.access.create_key(name, scope or ["read"], days))
    if as_json:
        print_json(created)
        return
    say("Keep this secret: it is shown only now.")
    typer.echo(created.secret)


@app.command()
def revoke(
    which: Annotated[list[str], typer.Argument(metavar="KEY...", help="Ids or names.")],
) -> None:
    """Revoke API keys. Programs that use them are refused from now on."""
    with control_plane() as plane:
        keys = plane.run(plane.access.keys()).keys
        selected = [_one(word, keys) for word in dict.fromkeys(which)]
        for key in selected:
            plane.run(plane.access.revoke_key(key.id))
            say(f"Revoked {key.name}.")


def _one(word: str, keys: "list[ApiKey]") -> "ApiKey":
    found = [key for key in keys if word in (key.id, key.name)]
    if len(found) != 1:
        reason = f"Several API keys are named '{word}'" if found else f"No API key named '{word}'"
        raise CommandError(f"{reason}. To see all keys with their ids: comfypod keys list")
    return found[0]


def _row(key: "ApiKey") -> tuple[str, ...]:
    return key.id, key.name, " ".join(key.scopes), _day(key.expires_at), _day(key.last_used_at)


def _day(moment: datetime | None) -> str:
    return f"{moment.astimezone():%Y-%m-%d}" if moment else "never"
