"""JSON routes of webhooks."""

from typing import Annotated

from fastapi import Depends
from pydantic import BaseModel, Field

from backend.auth.principal import Scope
from backend.auth.routing import ProtectedRouter
from backend.core.errors import Conflict, NotFound, OutOfSpace
from backend.jobs.webhooks.models import Delivery, Webhook, WebhookChange, WebhookRequest
from backend.jobs.webhooks.secret import SigningSecret
from backend.jobs.webhooks.sender import WebhookSender
from backend.jobs.webhooks.service import Webhooks
from backend.jobs.webhooks.store import DeliveryStore
from backend.web.errors import responses
from backend.web.features import provided
from backend.web.paging import Limit

router = ProtectedRouter(read=Scope.ADMIN, write=Scope.ADMIN, prefix="/api/webhooks", tags=["webhooks"])

Secret = Annotated[SigningSecret, Depends(provided(SigningSecret))]
WebhooksService = Annotated[Webhooks, Depends(provided(Webhooks))]
Sender = Annotated[WebhookSender, Depends(provided(WebhookSender))]
Deliveries = Annotated[DeliveryStore, Depends(provided(DeliveryStore))]
CHANGE = responses(NotFound, Conflict, OutOfSpace)


class WebhookSecret(BaseModel):
    secret: str = Field(description="Verifies `webhook-signature`, as Standard Webhooks describes it.")


@router.get("/deliveries", responses=responses())
async def show_deliveries(store: Deliveries, limit: Limit = 100) -> list[Delivery]:
    """The newest messages, and what has become of them."""
    return await store.newest(limit)


@router.post("/deliveries/{delivery_id}/resend", responses=responses(NotFound, OutOfSpace))
async def resend(delivery_id: str, sender: Sender) -> Delivery:
    """Send a message again, with the same id."""
    return await sender.resend(delivery_id)


@router.get("/secret", responses=responses(OutOfSpace))
async def show_secret(secret: Secret) -> WebhookSecret:
    """The secret that signs all webhooks."""
    return WebhookSecret(secret=await secret.get())


@router.post("/secret", responses=responses(OutOfSpace))
async def renew_secret(secret: Secret) -> WebhookSecret:
    """Replace the secret. Messages that are still to be sent get signatures of the new one."""
    return WebhookSecret(secret=await secret.renew())


@router.get("", responses=responses())
async def show_all(webhooks: WebhooksService) -> list[Webhook]:
    """The receivers of messages about all jobs."""
    return webhooks.all()


@router.post("", status_code=201, responses=responses(Conflict, OutOfSpace))
async def add(request: WebhookRequest, webhooks: WebhooksService) -> Webhook:
    """Add a receiver of messages about all jobs."""
    return await webhooks.add(request)


@router.patch("/{webhook_id}", responses=CHANGE)
async def change(webhook_id: str, request: WebhookChange, webhooks: WebhooksService) -> Webhook:
    """Change a webhook, pause it or resume it."""
    return await webhooks.change(webhook_id, request)


@router.delete("/{webhook_id}", status_code=204, responses=responses(NotFound, OutOfSpace))
async def remove(webhook_id: str, webhooks: WebhooksService) -> None:
    """Delete a webhook. Messages that are still to be sent to it are sent."""
    await webhooks.remove(webhook_id)


@router.post("/{webhook_id}/test", responses=responses(NotFound, OutOfSpace))
async def try_out(webhook_id: str, sender: Sender) -> Delivery:
    """Send a message of the type `webhook.test` now, and return whether the receiver accepts it."""
    return await sender.try_out(webhook_id)
