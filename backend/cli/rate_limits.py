"""`comfypod downloads limits`: how many files at once, how fast, and when."""

import re
from typing import TYPE_CHECKING, Annotated, Any

import typer

from backend.cli.errors import Misused
from backend.cli.lazy import control_plane
from backend.cli.options import Json
from backend.cli.output import print_json
from backend.core.formatting import format_bytes

if TYPE_CHECKING:
    from backend.client.models import Policy

RATE = re.compile(r"^(\d+(?:\.\d+)?)\s*([kMG])B(?:/s)?$", re.IGNORECASE)
FACTORS = {"k": 10**3, "m": 10**6, "g": 10**9}
HOURS = re.compile(r"^(\d\d:\d\d)-(\d\d:\d\d)=(.+)$")
# Removes a limit.
NONE = "none"


def limits(
    limit: Annotated[
        str | None, typer.Option(help="Total bytes per second, such as 20MB; `none` removes the limit.")
    ] = None,
    files: Annotated[int | None, typer.Option(help="How many files to download at the same time.")] = None,
    connections: Annotated[int | None, typer.Option(help="Maximum number of connections per file.")] = None,
    polite: Annotated[
        bool | None, typer.Option("--polite/--not-polite", help="Slow down while ComfyUI is generating.")
    ] = None,
    hours: Annotated[
        list[str] | None,
        typer.Option(
            help="A different limit during these hours, such as 23:00-07:00=50MB; `none` removes all of them."
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Show or change how many files are downloaded at once, how fast, and when."""
    changes: dict[str, Any] = {"files_at_once": files, "connections": connections, "polite": polite}
    changes = {name: value for name, value in changes.items() if value is not None}
    if limit is not None:
        changes["limit"] = None if limit == NONE else _rate(limit)
    if hours:
        changes["schedule"] = [] if hours == [NONE] else [_window(text) for text in hours]
    with control_plane() as plane:
        policy = plane.run(plane.downloads.policy())
        if changes:
            policy = plane.run(plane.downloads.set_policy(policy.model_dump(mode="json") | changes))
    if as_json:
        print_json(policy)
    else:
        typer.echo("\n".join(_sentences(policy)))


def _rate(text: str) -> int:
    found = RATE.match(text)
    if not found:
        raise Misused(f"'{text}' is not a speed. Give one such as 500kB, 20MB or 1.5GB.")
    return int(float(found[1]) * FACTORS[found[2].lower()])


def _window(text: str) -> dict[str, str | int]:
    found = HOURS.match(text)
    if not found:
        raise Misused(f"'{text}' does not name hours and a limit. Use the form 23:00-07:00=50MB.")
    return {"start": found[1], "end": found[2], "limit": _rate(found[3])}


def _sentences(policy: "Policy") -> list[str]:
    limit = f"{format_bytes(policy.limit)}/s" if policy.limit else "no limit"
    sentences = [
        f"Files at once: {policy.files_at_once}. Connections per file: {policy.connections}. Speed: {limit}."
    ]
    sentences += [
        f"{window.start:%H:%M} to {window.end:%H:%M}: {format_bytes(window.limit)}/s."
        for window in policy.schedule
    ]
    if policy.polite:
        sentences.append(f"While ComfyUI is generating: {format_bytes(policy.polite_limit)}/s.")
    return sentences
