"""What is sent, and what has become of it."""

import hashlib
from datetime import datetime
from enum import StrEnum
from typing import Literal, get_args

from pydantic import BaseModel, ConfigDict, Field

from backend.jobs.schemas import MAX_WEBHOOK

# Pauses after failed attempts: two days in all.
PAUSES = (5, 60, 5 * 60, 30 * 60, 2 * 3600, 5 * 3600, 10 * 3600, 14 * 3600, 16 * 3600)


class WebhookEvent(StrEnum):
    JOB_ENDED = "job.ended"
    BATCH_ENDED = "batch.ended"
    QUEUE_FINISHED = "queue.finished"
    # Sent by a user who tries out a receiver.
    TEST = "webhook.test"


# What a webhook may be for.
Subscribable = Literal[WebhookEvent.JOB_ENDED, WebhookEvent.BATCH_ENDED, WebhookEvent.QUEUE_FINISHED]
SUBSCRIBABLE: tuple[Subscribable, ...] = get_args(Subscribable)


class WebhookRequest(BaseModel):
    """A receiver of messages about all jobs."""

    url: str = Field(min_length=1, max_length=MAX_WEBHOOK)
    events: frozenset[Subscribable] = Field(
        default=frozenset(SUBSCRIBABLE), min_length=1, description="What it gets messages about."
    )
    paused: bool = False


class WebhookChange(BaseModel):
    """The fields to change; omitted ones stay unchanged."""

    url: str | None = Field(default=None, min_length=1, max_length=MAX_WEBHOOK)
    events: frozenset[Subscribable] | None = Field(default=None, min_length=1)
    paused: bool | None = None


class Webhook(WebhookRequest):
    model_config = ConfigDict(frozen=True)

    id: str
    created_at: datetime
    problem: str | None = Field(default=None, description="Why it was paused by itself.")


class DeliveryState(StrEnum):
    PENDING = "pending"
    DELIVERED = "delivered"
    # Given up; `problem` says why.
    FAILED = "failed"


class Delivery(BaseModel):
    """One message to one URL."""

    model_config = ConfigDict(frozen=True)

    id: str = Field(description="The header `webhook-id`: the same at every attempt.")
    url: str
    event: WebhookEvent
    body: str
    state: DeliveryState = DeliveryState.PENDING
    attempts: int = 0
    problem: str | None = None
    created_at: datetime
    next_at: datetime = Field(description="When it is sent next, while it is pending.")


def message_id(*parts: str) -> str:
    """Return an id that is the same whenever the same event is noted again."""
    return "msg_" + hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32]
