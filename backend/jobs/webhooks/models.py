"""What is sent, and what has become of it."""

import hashlib
from datetime import datetime
from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field

# Pauses after failed attempts: two days in all.
PAUSES = (5, 60, 5 * 60, 30 * 60, 2 * 3600, 5 * 3600, 10 * 3600, 14 * 3600, 16 * 3600)


class WebhookEvent(StrEnum):
    JOB_ENDED = "job.ended"
    BATCH_ENDED = "batch.ended"
    QUEUE_FINISHED = "queue.finished"


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
