"""The support bundle over HTTP."""

from typing import Annotated

from fastapi import Depends, Response

from backend.auth.principal import Scope
from backend.auth.routing import ProtectedRouter
from backend.core import clock
from backend.support.service import SupportBundle
from backend.web.errors import responses
from backend.web.features import provided

ZIP = "application/zip"

router = ProtectedRouter(read=Scope.ADMIN, write=Scope.ADMIN, tags=["system"])


@router.get(
    "/api/support-bundle",
    responses={**responses(), 200: {"content": {ZIP: {"schema": {"type": "string", "format": "binary"}}}}},
    response_class=Response,  # without a media type, which FastAPI would declare for the errors too
)
async def download(bundle: Annotated[SupportBundle, Depends(provided(SupportBundle))]) -> Response:
    """Return a zip file with versions, settings, problems and logs, without secrets, to attach to a request for help."""
    name = f"comfypod-support-{clock.now():%Y%m%d-%H%M%S}.zip"
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
    return Response(await bundle.build(), media_type=ZIP, headers=headers)
