"""HTML route of the activity log."""

from typing import Annotated, Literal

from fastapi import Query, Request, Response

from backend.activity.dependencies import ActivityLog
from backend.activity.texts import text_of
from backend.auth.principal import Scope
from backend.auth.routing import ProtectedRouter
from backend.web import htmx
from backend.web.templating import renderer_of

router = ProtectedRouter(read=Scope.READ, write=Scope.ADMIN, include_in_schema=False)

SHOWN = 100
Kind = Literal[
    "", "download", "job", "preset", "model", "service", "provision", "node", "sign_in", "token", "api_key"
]
KINDS: tuple[tuple[Kind, str], ...] = (
    ("", "All"),
    ("download", "Downloads"),
    ("job", "Jobs"),
    ("preset", "Presets"),
    ("model", "Models"),
    ("service", "Services"),
    ("provision", "Provisioning"),
    ("node", "Custom nodes"),
    ("sign_in", "Sign-ins"),
    ("token", "Tokens"),
    ("api_key", "API keys"),
)


@router.get("/activity")
async def show(
    request: Request,
    activity: ActivityLog,
    kind: Kind = "",
    before: Annotated[int | None, Query(ge=0, lt=2**62)] = None,
) -> Response:
    """Show the newest entries, or with `before` those that precede a sequence number."""
    log = await activity.before(before, SHOWN + 1, kind)
    entries = log.entries[::-1]
    view = {
        "entries": [(entry, text_of(entry)) for entry in entries[:SHOWN]],
        "older": entries[SHOWN - 1].seq if len(entries) > SHOWN else None,
        "is_first": before is None,
        "kind": kind,
        "kinds": KINDS,
    }
    template = "activity/_entries.html" if htmx.wants_fragment(request) else "activity/page.html"
    return renderer_of(request).page(request, template, view)
