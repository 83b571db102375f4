"""`comfypod sessions …`: browsers and programs that are signed in with the password."""

from typing import TYPE_CHECKING, Annotated

import typer

from backend.cli.lazy import control_plane
from backend.cli.options import Json
from backend.cli.output import print_json, print_table, say

if TYPE_CHECKING:
    from backend.client.models import Session

app = typer.Typer(help="Browsers and programs that are signed in.", no_args_is_help=True)


@app.command("list")
def show_list(as_json: Json = False) -> None:
    """List the sessions, the last seen first."""
    with control_plane() as plane:
        found = plane.run(plane.access.sessions())
    if as_json:
        print_json(found)
    else:
        print_table(("ID", "LAST SEEN", "ADDRESS", "PROGRAM"), map(_row, found.sessions))


@app.command()
def end(
    ids: Annotated[list[str] | None, typer.Argument(metavar="ID...", help="As `list` shows them.")] = None,
    others: Annotated[bool, typer.Option("--others", help="All sessions except this command's.")] = False,
) -> None:
    """End sessions: their tokens are refused from now on."""
    with control_plane() as plane:
        for session_id in ids or []:
            plane.run(plane.access.end_session(session_id))
            say(f"Ended {session_id}.")
        if others:
            say(f"Ended {plane.run(plane.access.end_other_sessions()).ended} sessions.")


def _row(session: "Session") -> tuple[str, ...]:
    program = f"{session.user_agent} (this command)" if session.current else session.user_agent
    return session.id, f"{session.last_seen_at.astimezone():%Y-%m-%d %H:%M}", session.address, program
