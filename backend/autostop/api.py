"""JSON routes of automatic stop."""

from backend.auth.principal import Scope
from backend.auth.routing import ProtectedRouter
from backend.autostop.dependencies import AutostopService
from backend.autostop.models import AutostopRequest, AutostopView
from backend.core.errors import Conflict, InvalidRequest, Unavailable
from backend.web.errors import responses

router = ProtectedRouter(read=Scope.READ, write=Scope.ADMIN, prefix="/api/autostop", tags=["autostop"])


@router.get("", responses=responses())
def show(autostop: AutostopService) -> AutostopView:
    """Return whether and when the pod is stopped."""
    return autostop.view()


@router.put("", responses=responses(InvalidRequest, Conflict, Unavailable))
async def choose(body: AutostopRequest, autostop: AutostopService) -> AutostopView:
    """Choose after how many idle minutes the pod is stopped; fewer than 5 count as 5."""
    return await autostop.choose(body.minutes)


@router.post("/cancel", responses=responses())
def cancel(autostop: AutostopService) -> AutostopView:
    """Begin the idle time anew."""
    return autostop.cancel()
