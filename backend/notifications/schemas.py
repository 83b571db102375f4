"""Requests and responses of the notifications API. No response contains an address or a token."""

from datetime import datetime
from typing import Annotated, Self

from pydantic import AfterValidator, BaseModel, Field, SecretStr, StringConstraints

from backend.config.values import LONGEST_TOKEN
from backend.notifications.models import DEFAULT_EVENTS, Channel, Delivery, Event, Kind
from backend.notifications.service import Notifications

LONGEST_URL = 2000
LONGEST_NAME = 60
# Neither line breaks nor other control characters.
Name = Annotated[
    str,
    StringConstraints(
        min_length=1, max_length=LONGEST_NAME, pattern=r"^[^\x00-\x1f\x7f]+$", strip_whitespace=True
    ),
]


def _printable(secret: SecretStr) -> SecretStr:
    """Reject blanks and control characters, which no address and no token contains."""
    text = secret.get_secret_value().strip()
    if not all("!" <= letter <= "~" for letter in text):
        raise ValueError("it contains blanks or letters that no address has")
    return SecretStr(text)


Url = Annotated[SecretStr, Field(max_length=LONGEST_URL), AfterValidator(_printable)]
Token = Annotated[SecretStr, Field(max_length=LONGEST_TOKEN), AfterValidator(_printable)]
Events = Annotated[list[Event], Field(max_length=len(Event))]


class ChannelRequest(BaseModel):
    """A channel to add."""

    name: Name
    kind: Kind = Kind.APPRISE
    url: Url = Field(
        default=SecretStr(""),
        description="For `apprise` an address such as `ntfy://…`, `discord://…`, `mailto://…`; for `webhook` https://…; "
        "none for `browser`.",
    )
    token: Token = Field(default=SecretStr(""), description="Sent to a webhook as `Authorization: Bearer …`.")
    events: Events = list(DEFAULT_EVENTS)


class ChannelChange(BaseModel):
    """The fields to change; null leaves a field unchanged."""

    name: Name | None = None
    events: Events | None = None


class DeliveryView(BaseModel):
    """The last attempt to deliver."""

    at: datetime
    title: str
    problem: str | None = Field(description="Why it failed and what to do; null when it was accepted.")

    @classmethod
    def of(cls, delivery: Delivery) -> Self:
        return cls(at=delivery.at, title=delivery.title, problem=delivery.problem)


class ChannelView(BaseModel):
    """A channel, without its secrets."""

    id: str
    name: str
    kind: Kind
    target: str = Field(description="The service or the host; the rest of the address is secret.")
    events: list[Event]
    last: DeliveryView | None = Field(description="The last attempt to deliver; null before the first.")

    @classmethod
    def of(cls, channel: Channel, notifications: Notifications) -> Self:
        last = notifications.last(channel.id)
        return cls(
            id=channel.id,
            name=channel.name,
            kind=channel.kind,
            target=channel.target,
            events=list(channel.events),
            last=DeliveryView.of(last) if last else None,
        )
