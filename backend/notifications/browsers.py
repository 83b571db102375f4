"""Sends messages to browsers that have a page open."""

from backend.notifications.errors import DeliveryError
from backend.notifications.models import Channel, Message
from backend.web.socket import Channel as Socket


class Browsers(Socket):
    """`/ws/notifications`: a browser connects when its user has allowed notifications there."""

    def __init__(self) -> None:
        super().__init__("notifications")
        self._count = 0

    async def send(self, _channel: Channel, message: Message) -> None:
        """Show the message in every connected browser. Raise DeliveryError when there is none."""
        if not self.has_listeners:
            raise DeliveryError("No browser with notifications allowed has a page of this pod open.")
        self._count += 1
        frame = {"type": "notification", "title": message.title, "body": message.body, "id": self._count}
        self.publish(frame, key=str(self._count))
