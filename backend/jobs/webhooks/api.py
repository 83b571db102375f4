"""JSON routes of webhooks."""

from typing import Annotated

from fastapi import Depends
from pydantic import BaseModel, Field

from backend.auth.principal import Scope
from backend.auth.routing import ProtectedRouter
from backend.core.errors import OutOfSpace
from backend.jobs.webhooks.models import Delivery
from backend.jobs.webhooks.secret import SigningSecret
from backend.jobs.webhooks.store import DeliveryStore
from backend.web.errors import responses
from backend.web.features import provided
from backend.web.paging import Limit

router = ProtectedRouter(read=Scope.ADMIN, write=Scope.ADMIN, prefix="/api/webhooks", tags=["webhooks"])

Secret = Annotated[SigningSecret, Depends(provided(SigningSecret))]


class WebhookSecret(BaseModel):
    secret: str = Field(description="Verifies `webhook-signature`, as Standard Webhooks describes it.")


@router.get("/deliveries", responses=responses())
async def show_deliveries(
    store: Annotated[DeliveryStore, Depends(provided(DeliveryStore))], limit: Limit = 100
) -> list[Delivery]:
    """The newest messages, and what has become of them."""
    return await store.newest(limit)


@router.get("/secret", responses=responses(OutOfSpace))
async def show_secret(secret: Secret) -> WebhookSecret:
    """The secret that signs all webhooks."""
    return WebhookSecret(secret=await secret.get())


@router.post("/secret", responses=responses(OutOfSpace))
async def renew_secret(secret: Secret) -> WebhookSecret:
    """Replace the secret. Messages that are still to be sent get signatures of the new one."""
    return WebhookSecret(secret=await secret.renew())
