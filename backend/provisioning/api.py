"""JSON routes of provisioning."""

import asyncio
from typing import Any

from fastapi import Request

from backend.auth.principal import Scope
from backend.auth.routing import ProtectedRouter
from backend.core.errors import Conflict, NotFound
from backend.provisioning.dependencies import ProvisioningService
from backend.provisioning.schemas import CheckView, ProvisioningView, RunRequest
from backend.provisioning.service import check_document
from backend.web.errors import responses

router = ProtectedRouter(
    read=Scope.READ, write=Scope.ADMIN, prefix="/api/provisioning", tags=["provisioning"]
)

BODY: dict[str, Any] = {
    "requestBody": {
        "description": "A provisioning document.",
        "content": {"application/yaml": {"schema": {"type": "string"}}},
    }
}


@router.get("", responses=responses())
async def show(provisioning: ProvisioningService) -> ProvisioningView:
    """Return the steps of the document with their states."""
    return await provisioning.view()


@router.post("/run", status_code=202, responses=responses(Conflict, NotFound))
async def run(body: RunRequest, provisioning: ProvisioningService) -> ProvisioningView:
    """Apply the steps that are new, changed or failed, while ComfyUI runs."""
    return await provisioning.run(again=body.again)


@router.post("/check", openapi_extra=BODY, responses=responses())
async def check(request: Request) -> CheckView:
    """Check a document: return its mistakes, or the steps that it would take. Nothing is applied."""
    return await asyncio.to_thread(check_document, await request.body())
