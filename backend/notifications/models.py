"""Channels, the events that they select, and the messages that are sent to them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Literal

Tone = Literal["info", "success", "warning", "failure"]


class Event(StrEnum):
    """An event that a channel can select."""

    JOB_FINISHED = "job_finished"
    JOB_FAILED = "job_failed"
    BATCH_FINISHED = "batch_finished"
    QUEUE_EMPTY = "queue_empty"
    DOWNLOAD_FINISHED = "download_finished"
    DOWNLOAD_FAILED = "download_failed"
    DISK_LOW = "disk_low"
    SERVICE_CRASHED = "service_crashed"
    POD_STOPPING = "pod_stopping"


DEFAULT_EVENTS = (
    Event.JOB_FAILED,
    Event.BATCH_FINISHED,
    Event.QUEUE_EMPTY,
    Event.DOWNLOAD_FAILED,
    Event.DISK_LOW,
    Event.SERVICE_CRASHED,
    Event.POD_STOPPING,
)


class Kind(StrEnum):
    """How messages are delivered."""

    # A service that Apprise supports.
    APPRISE = "apprise"
    # A POST request with JSON.
    WEBHOOK = "webhook"
    # A notification in browsers that have a page open.
    BROWSER = "browser"


@dataclass(frozen=True, kw_only=True)
class Channel:
    """One receiver of notifications."""

    id: str
    name: str
    kind: Kind
    events: tuple[Event, ...]
    # Without the secret parts: `ntfy`, `hooks.example.com`.
    target: str
    url: str = field(default="", repr=False)
    # Sent to a webhook as `Authorization: Bearer …`.
    token: str = field(default="", repr=False)


@dataclass(frozen=True, kw_only=True)
class Message:
    """One notification, about one or several events."""

    title: str
    body: str
    tone: Tone
    events: Sequence[Event] = ()


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """The last attempt to deliver to a channel."""

    at: datetime
    title: str
    # Why it failed and what to do; None when the receiver accepted it.
    problem: str | None = None
