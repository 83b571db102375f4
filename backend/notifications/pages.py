"""HTML routes of notifications, a section of Settings."""

from typing import Annotated, Any

from fastapi import Form, Request, Response
from pydantic import BaseModel, Field

from backend.auth.principal import Scope
from backend.auth.routing import ProtectedRouter
from backend.notifications.dependencies import NotificationsService
from backend.notifications.models import DEFAULT_EVENTS, Event
from backend.notifications.schemas import ChannelRequest, ChannelView
from backend.notifications.service import Notifications
from backend.web import htmx
from backend.web.templating import renderer_of

LABELS = {
    Event.JOB_FINISHED: "Job finished",
    Event.JOB_FAILED: "Job failed",
    Event.BATCH_FINISHED: "Batch finished",
    Event.QUEUE_EMPTY: "Queue empty",
    Event.DOWNLOAD_FINISHED: "Download finished",
    Event.DOWNLOAD_FAILED: "Download failed",
    Event.DISK_LOW: "Disk nearly full",
    Event.SERVICE_CRASHED: "Service crashed",
    Event.POD_STOPPING: "Pod about to stop",
}
PATH = "/settings/notifications"

router = ProtectedRouter(
    read=Scope.ADMIN, write=Scope.ADMIN, include_in_schema=False, route_class=htmx.PageRoute
)


class EventsForm(BaseModel):
    """The events whose boxes are checked; none is valid."""

    events: list[Event] = Field(default=[], max_length=len(Event))


class ChannelForm(ChannelRequest):
    """The form of a new channel."""

    events: list[Event] = Field(default=[], max_length=len(Event))


def notifications_view(notifications: Notifications) -> dict[str, Any]:
    return {
        "channels": [ChannelView.of(channel, notifications) for channel in notifications.channels()],
        "labels": LABELS,
        "default_events": DEFAULT_EVENTS,
        "persistent": notifications.persistent,
    }


@router.post(PATH)
async def add(
    form: Annotated[ChannelForm, Form()], request: Request, notifications: NotificationsService
) -> Response:
    """Add a channel and test it."""
    channel = await notifications.add(
        form.name, form.kind, form.url.get_secret_value(), form.token.get_secret_value(), form.events
    )
    return await _tested(channel.id, request, notifications)


@router.post(PATH + "/{channel_id}/events")
async def choose_events(
    channel_id: str,
    form: Annotated[EventsForm, Form()],
    request: Request,
    notifications: NotificationsService,
) -> Response:
    await notifications.change(channel_id, None, form.events)
    return htmx.with_toast(_fragment(request, notifications), "success", "Saved.")


@router.post(PATH + "/{channel_id}/test")
async def test(channel_id: str, request: Request, notifications: NotificationsService) -> Response:
    return await _tested(channel_id, request, notifications)


@router.delete(PATH + "/{channel_id}")
async def remove(channel_id: str, request: Request, notifications: NotificationsService) -> Response:
    channel = await notifications.remove(channel_id)
    return htmx.with_toast(_fragment(request, notifications), "success", f"{channel.name} is removed.")


async def _tested(channel_id: str, request: Request, notifications: Notifications) -> Response:
    delivery = await notifications.test(channel_id)
    response = _fragment(request, notifications)
    if delivery.problem:
        return htmx.with_toast(response, "error", f"Not delivered: {delivery.problem}")
    return htmx.with_toast(response, "success", "The test message was delivered.")


def _fragment(request: Request, notifications: Notifications) -> Response:
    view = {"view": notifications_view(notifications)}
    return renderer_of(request).page(request, "notifications/_channels.html", view)
