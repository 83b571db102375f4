"""`comfypod activity`: what happened on the pod."""

from typing import TYPE_CHECKING, Annotated

import typer

from backend.cli.lazy import control_plane
from backend.cli.options import Json
from backend.cli.output import print_json, print_table, say

if TYPE_CHECKING:
    from backend.client.models import Activity


def activity(
    kind: Annotated[str, typer.Option(help="Only this kind, such as `download` or `download.done`.")] = "",
    after: Annotated[int | None, typer.Option(help="Only entries after this number.")] = None,
    limit: Annotated[int, typer.Option(help="How many entries.")] = 50,
    as_json: Json = False,
) -> None:
    """Show what happened on the pod, oldest first."""
    with control_plane() as plane:
        log = plane.run(plane.activity.read(after=after, kind=kind, limit=limit))
    if as_json:
        print_json(log)
    elif log.entries:
        print_table(("NUMBER", "TIME", "KIND", "BY", "WHAT"), map(_row, log.entries))
    else:
        say("No activity.")


def _row(entry: "Activity") -> tuple[str, ...]:
    return (
        str(entry.seq),
        f"{entry.at.astimezone():%Y-%m-%d %H:%M:%S}",
        entry.kind,
        entry.principal,
        entry.subject,
    )
