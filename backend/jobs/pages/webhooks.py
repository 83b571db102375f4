"""HTML routes of webhooks: receivers, recent messages, the secret."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated, Literal

from fastapi import Form, Request, Response
from pydantic import BaseModel, Field

from backend.auth.principal import Scope
from backend.auth.routing import ProtectedRouter
from backend.core.errors import InvalidRequest
from backend.jobs.schemas import MAX_WEBHOOK
from backend.jobs.webhooks.api import Deliveries, Secret, Sender, WebhooksService
from backend.jobs.webhooks.models import (
    SUBSCRIBABLE,
    Delivery,
    DeliveryState,
    Subscribable,
    Webhook,
    WebhookChange,
    WebhookRequest,
)
from backend.web import htmx
from backend.web.templating import renderer_of

router = ProtectedRouter(
    read=Scope.ADMIN, write=Scope.ADMIN, include_in_schema=False, route_class=htmx.PageRoute
)

MOST_DELIVERIES = 50

Action = Literal["pause", "resume", "delete"]


@dataclass(frozen=True, kw_only=True)
class WebhookRow:
    """A receiver, and the newest message to it."""

    webhook: Webhook
    newest: Delivery | None


class ReceiverForm(BaseModel):
    url: str = Field(default="", max_length=MAX_WEBHOOK)
    event: list[Subscribable] = Field(default_factory=list, max_length=len(SUBSCRIBABLE))


@router.get("/jobs/webhooks")
async def show(request: Request, webhooks: WebhooksService, store: Deliveries) -> Response:
    deliveries = await store.newest(MOST_DELIVERIES)
    newest: dict[str, Delivery] = {}
    for delivery in deliveries:
        newest.setdefault(delivery.url, delivery)
    view = {
        "rows": [WebhookRow(webhook=each, newest=newest.get(each.url)) for each in webhooks.all()],
        "deliveries": deliveries,
        "events": SUBSCRIBABLE,
    }
    template = "jobs/_webhooks.html" if htmx.wants_fragment(request) else "jobs/webhooks.html"
    return renderer_of(request).page(request, template, view)


@router.post("/jobs/webhooks")
async def add(form: Annotated[ReceiverForm, Form()], webhooks: WebhooksService) -> Response:
    await webhooks.add(WebhookRequest(url=_url(form), events=_events(form)))
    return _reload()


@router.get("/jobs/webhooks/secret")
async def show_secret(request: Request, secret: Secret) -> Response:
    """Show the secret, which the page does not contain by itself."""
    return renderer_of(request).page(request, "jobs/_webhook_secret.html", {"secret": await secret.get()})


@router.post("/jobs/webhooks/secret")
async def renew_secret(request: Request, secret: Secret) -> Response:
    return renderer_of(request).page(request, "jobs/_webhook_secret.html", {"secret": await secret.renew()})


@router.post("/jobs/webhooks/deliveries/{delivery_id}/resend")
async def resend(delivery_id: str, sender: Sender) -> Response:
    await sender.resend(delivery_id)
    return htmx.with_toast(changed(), "success", "The message is sent again.")


@router.post("/jobs/webhooks/{webhook_id}/test")
async def try_out(webhook_id: str, sender: Sender) -> Response:
    """Send a message now, and say whether it was accepted."""
    sent = await sender.try_out(webhook_id)
    if sent.state is DeliveryState.DELIVERED:
        return htmx.with_toast(changed(), "success", "The receiver accepted the test message.")
    return htmx.with_toast(changed(), "error", f"The test message was not accepted. {sent.problem}")


@router.post("/jobs/webhooks/{webhook_id}/edit")
async def save(webhook_id: str, form: Annotated[ReceiverForm, Form()], webhooks: WebhooksService) -> Response:
    await webhooks.change(webhook_id, WebhookChange(url=_url(form), events=_events(form)))
    return _reload()


@router.post("/jobs/webhooks/{webhook_id}/{action}")
async def control(webhook_id: str, action: Action, webhooks: WebhooksService) -> Response:
    actions: dict[Action, Callable[[], Awaitable[object]]] = {
        "pause": lambda: webhooks.change(webhook_id, WebhookChange(paused=True)),
        "resume": lambda: webhooks.change(webhook_id, WebhookChange(paused=False)),
        "delete": lambda: webhooks.remove(webhook_id),
    }
    await actions[action]()
    return changed()


def changed() -> Response:
    return htmx.with_event(Response(status_code=204), "webhooks-changed")


def _reload() -> Response:
    """Close the dialog of the form. After an error it stays open."""
    return Response(status_code=204, headers={"HX-Redirect": "/jobs/webhooks"})


def _url(form: ReceiverForm) -> str:
    if not form.url.strip():
        raise InvalidRequest("A webhook needs a URL.", code="bad_webhook")
    return form.url.strip()


def _events(form: ReceiverForm) -> frozenset[Subscribable]:
    if not form.event:
        raise InvalidRequest("Choose at least one kind of message.", code="bad_webhook")
    return frozenset(form.event)
