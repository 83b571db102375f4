"""JSON routes of the activity log."""

from typing import Annotated

from fastapi import Query

from backend.activity.dependencies import ActivityLog
from backend.activity.models import Log
from backend.auth.principal import Scope
from backend.auth.routing import ProtectedRouter
from backend.web.errors import responses
from backend.web.paging import Limit

router = ProtectedRouter(read=Scope.READ, write=Scope.ADMIN, prefix="/api/activity", tags=["activity"])

Seq = Annotated[int | None, Query(ge=0, lt=2**62)]
Kind = Annotated[
    str,
    Query(
        pattern=r"^[a-z_.]*$", max_length=100, description="`download.done`, or `download` for all of them."
    ),
]


@router.get("", responses=responses())
async def show(
    activity: ActivityLog, after: Seq = None, before: Seq = None, kind: Kind = "", limit: Limit = 100
) -> Log:
    """The newest entries; with `after` those that follow a sequence number, with `before` those that precede it."""
    if after is not None:
        return await activity.after(after, limit, kind)
    return await activity.before(before, limit, kind)
