"""JSON routes of notifications."""

from backend.auth.principal import Scope
from backend.auth.routing import ProtectedRouter
from backend.core.errors import Conflict, InvalidRequest, NotFound, Unavailable
from backend.notifications.dependencies import NotificationsService
from backend.notifications.schemas import ChannelChange, ChannelRequest, ChannelView, DeliveryView
from backend.web.errors import responses

router = ProtectedRouter(
    read=Scope.ADMIN, write=Scope.ADMIN, prefix="/api/notifications/channels", tags=["notifications"]
)


@router.get("", responses=responses())
def show_all(notifications: NotificationsService) -> list[ChannelView]:
    """List the channels with the results of their last deliveries, without their addresses."""
    return [ChannelView.of(channel, notifications) for channel in notifications.channels()]


@router.post("", status_code=201, responses=responses(InvalidRequest, Conflict, Unavailable))
async def add(body: ChannelRequest, notifications: NotificationsService) -> ChannelView:
    """Add a channel. Its address and token are saved in a file that only the owner can read, and never shown again."""
    channel = await notifications.add(
        body.name, body.kind, body.url.get_secret_value(), body.token.get_secret_value(), body.events
    )
    return ChannelView.of(channel, notifications)


@router.patch("/{channel_id}", responses=responses(InvalidRequest, NotFound, Unavailable))
async def change(channel_id: str, body: ChannelChange, notifications: NotificationsService) -> ChannelView:
    """Change the name or the events of a channel."""
    channel = await notifications.change(channel_id, body.name, body.events)
    return ChannelView.of(channel, notifications)


@router.delete("/{channel_id}", status_code=204, responses=responses(NotFound, Unavailable))
async def remove(channel_id: str, notifications: NotificationsService) -> None:
    """Remove a channel with its address and token."""
    await notifications.remove(channel_id)


@router.post("/{channel_id}/test", responses=responses(NotFound))
async def test(channel_id: str, notifications: NotificationsService) -> DeliveryView:
    """Send a test message now. `problem` says why it was not delivered."""
    return DeliveryView.of(await notifications.test(channel_id))
