"""Sends messages, again and again until they are accepted, within limits."""

import asyncio
import contextlib
import json
from collections.abc import Sequence
from datetime import timedelta

import httpx
import structlog

from backend.activity.service import Activity
from backend.core import clock
from backend.core.database import until_recorded
from backend.core.errors import InvalidRequest, NotFound
from backend.jobs.models import new_id
from backend.jobs.service import Jobs
from backend.jobs.webhook_urls import ADVICE, check_webhook
from backend.jobs.webhooks.models import PAUSES, Delivery, DeliveryState, WebhookEvent, message_id
from backend.jobs.webhooks.outbox import Outbox
from backend.jobs.webhooks.secret import SigningSecret
from backend.jobs.webhooks.service import NO_MORE, Webhooks
from backend.jobs.webhooks.signing import signature
from backend.jobs.webhooks.store import DeliveryStore
from backend.sources.address_guard import AddressGuard
from backend.sources.client import guarded_client
from backend.sources.errors import TransferError

log = structlog.get_logger(__name__)

TIMEOUT_SECONDS = 15.0
AT_ONCE = 8
# Delivered messages are remembered for this long.
KEPT = timedelta(days=7)
LONGEST_WAIT_SECONDS = 3600.0
GONE = 410


class WebhookSender:
    def __init__(
        self,
        jobs: Jobs,
        webhooks: Webhooks,
        store: DeliveryStore,
        outbox: Outbox,
        secret: SigningSecret,
        activity: Activity,
    ):
        self._jobs = jobs
        self._webhooks = webhooks
        self._secret = secret
        self._store = store
        self._outbox = outbox
        self._activity = activity

    async def run(self) -> None:
        """Run until cancelled. A message that was being sent is sent again, with the same id."""
        while True:
            self._outbox.added.clear()
            due = await self._store.due(AT_ONCE)
            if due:
                ends = await asyncio.gather(*(self._send(delivery) for delivery in due))
                await until_recorded(lambda ends=ends: self._store.save(ends))  # type: ignore[misc]
                continue
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(await self._pause()):
                    await self._outbox.added.wait()

    async def try_out(self, webhook_id: str) -> Delivery:
        """Send one message now, without retries, and return what has become of it."""
        webhook, now = self._webhooks.get(webhook_id), clock.now()
        data = {"message": "This is a test of ComfyPod's webhooks."}
        body = json.dumps({"type": WebhookEvent.TEST, "timestamp": clock.to_text(now), "data": data})
        message = Delivery(
            id=message_id(WebhookEvent.TEST, new_id()),
            url=webhook.url,
            event=WebhookEvent.TEST,
            body=body,
            created_at=now,
            next_at=now,
        )
        sent = await self._send(message)
        if sent.state is DeliveryState.PENDING:
            sent = sent.model_copy(update={"state": DeliveryState.FAILED})
        await self._store.add([sent])
        return sent

    async def resend(self, delivery_id: str) -> Delivery:
        """Send a message again, with the same id, soon. Raise NotFound where it is not remembered any more."""
        delivery = await self._store.get(delivery_id)
        if delivery is None:
            raise NotFound("There is no such message. Delivered messages are remembered for a week.")
        again = delivery.model_copy(
            update={"state": DeliveryState.PENDING, "attempts": 0, "problem": None, "next_at": clock.now()}
        )
        await self._store.save([again])
        self._outbox.added.set()
        return again

    async def _pause(self) -> float | None:
        await self._store.prune(clock.now() - KEPT)
        next_at = await self._store.next_at()
        if next_at is None:
            return None
        return min(max(0.0, (next_at - clock.now()).total_seconds()), LONGEST_WAIT_SECONDS)

    async def _send(self, delivery: Delivery) -> Delivery:
        """Send once, and return what has become of the message."""
        attempt = delivery.model_copy(update={"attempts": delivery.attempts + 1})
        try:
            status = await self._post(delivery)
        except InvalidRequest as error:
            return self._given_up(attempt, error.message)
        except (TransferError, TimeoutError, httpx.HTTPError) as error:
            return self._failed(attempt, _reason(error))
        if 200 <= status < 300:
            return attempt.model_copy(update={"state": DeliveryState.DELIVERED, "problem": None})
        if status == GONE:
            await self._stop(delivery)
            return self._given_up(attempt, NO_MORE)
        return self._failed(attempt, f"The receiver answered with {status}.")

    async def _post(self, delivery: Delivery) -> int:
        """Return the status. Redirects are not followed, and the body of the answer is not read."""
        allowed = self._jobs.policy.current.webhook_allowed_hosts
        check_webhook(delivery.url, allowed)
        timestamp, body = int(clock.now().timestamp()), delivery.body.encode()
        secret = await self._secret.get()
        headers = {
            "Content-Type": "application/json",
            "webhook-id": delivery.id,
            "webhook-timestamp": str(timestamp),
            "webhook-signature": signature(secret, delivery.id, timestamp, body),
        }
        async with (
            asyncio.timeout(TIMEOUT_SECONDS),
            guarded_client(AddressGuard((), allowed)) as client,
            client.stream("POST", delivery.url, content=body, headers=headers) as response,
        ):
            return response.status_code

    def _failed(self, delivery: Delivery, problem: str) -> Delivery:
        if delivery.attempts > len(PAUSES):
            return self._given_up(delivery, problem)
        next_at = clock.in_seconds(PAUSES[delivery.attempts - 1])
        return delivery.model_copy(update={"problem": problem, "next_at": next_at})

    def _given_up(self, delivery: Delivery, problem: str) -> Delivery:
        log.warning("a webhook is given up", event_kind=delivery.event, reason=problem)
        self._activity.note("webhook.failed", delivery.event, problem=problem)
        return delivery.model_copy(update={"state": DeliveryState.FAILED, "problem": problem})

    async def _stop(self, delivery: Delivery) -> None:
        """Send nothing more to a receiver that is gone."""
        waiting = await self._store.pending_to(delivery.url)
        await self._store.save(_all_failed(waiting, NO_MORE))
        await self._webhooks.stop(delivery.url)


def _all_failed(deliveries: Sequence[Delivery], problem: str) -> list[Delivery]:
    return [
        each.model_copy(update={"state": DeliveryState.FAILED, "problem": problem}) for each in deliveries
    ]


def _reason(error: Exception) -> str:
    if isinstance(error, TransferError):
        private = error.code == "private_address"
        return f"The receiver's host has a private address. {ADVICE}" if private else error.message
    return f"The receiver did not answer within {TIMEOUT_SECONDS:.0f} seconds."
