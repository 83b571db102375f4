"""Turns the ends of jobs, batches and the queue into messages."""

import asyncio
import json
from datetime import timedelta
from typing import Any

from backend.core import clock
from backend.core.database import until_recorded
from backend.core.events import EventBus
from backend.jobs.models import Job, JobChanged, JobState, QueueFinished
from backend.jobs.schemas import JobView, OutputView
from backend.jobs.service import Jobs
from backend.jobs.webhooks.models import Delivery, WebhookEvent, message_id
from backend.jobs.webhooks.service import Webhooks
from backend.jobs.webhooks.store import DeliveryStore

# An end that a crash kept from being noted is found at the next start, unless it is older.
LOOK_BACK = timedelta(days=1)
OVERLAP = timedelta(minutes=1)


class Outbox:
    def __init__(self, jobs: Jobs, webhooks: Webhooks, store: DeliveryStore, events: EventBus):
        self._jobs = jobs
        self._webhooks = webhooks
        self._store = store
        # What has ended and is not a message yet.
        self._ends: asyncio.Queue[Job | QueueFinished] = asyncio.Queue()
        # Set when there is a new message.
        self.added = asyncio.Event()
        events.subscribe(JobChanged, self._note_job)
        events.subscribe(QueueFinished, self._note_queue)

    def _note_job(self, event: JobChanged) -> None:
        job = event.job
        if (job.state.is_final or job.state == JobState.BLOCKED) and self._has_receiver(job):
            self._ends.put_nowait(job)

    def _note_queue(self, event: QueueFinished) -> None:
        if self._webhooks.urls_for(WebhookEvent.QUEUE_FINISHED):
            self._ends.put_nowait(event)

    async def run(self) -> None:
        """Run until cancelled."""
        await self._find_missed()
        while True:
            end = await self._ends.get()
            deliveries = await (self._of_job(end) if isinstance(end, Job) else self._of_queue(end))
            await until_recorded(lambda made=deliveries: self._store.add(made))  # type: ignore[misc]
            self.added.set()

    async def _find_missed(self) -> None:
        """Note again what ended shortly before the last run did. What is a message already is not sent twice."""
        newest = await self._store.newest(1)
        since = newest[0].created_at - OVERLAP if newest else clock.now()
        for job in await self._jobs.ended_since(clock.now() - LOOK_BACK):
            is_new = job.finished_at is not None and job.finished_at >= since
            if job.webhook or (is_new and self._has_receiver(job)):
                self._ends.put_nowait(job)

    async def _of_job(self, job: Job) -> list[Delivery]:
        outputs = [OutputView.of(each).model_dump(mode="json") for each in await self._jobs.outputs(job.id)]
        data = {**JobView.of(job).model_dump(mode="json"), "outputs": outputs}
        ended_at = clock.to_text(job.finished_at) if job.finished_at else ""
        key = f"{job.id} {job.state} {job.run_count} {ended_at}"
        deliveries = self._deliveries(WebhookEvent.JOB_ENDED, key, data, job.webhook)
        if job.batch_id:
            counts = await self._jobs.batch_counts(job.batch_id)
            if all(state.is_final or state == JobState.BLOCKED for state in counts):
                data = {
                    "batch_id": job.batch_id,
                    "counts": {str(state): count for state, count in counts.items()},
                }
                key = json.dumps(data, sort_keys=True)
                deliveries += self._deliveries(WebhookEvent.BATCH_ENDED, key, data, job.webhook)
        return deliveries

    async def _of_queue(self, end: QueueFinished) -> list[Delivery]:
        data = {"succeeded": end.succeeded, "failed": end.failed}
        return self._deliveries(WebhookEvent.QUEUE_FINISHED, clock.to_text(clock.now()), data, None)

    def _deliveries(
        self, event: WebhookEvent, key: str, data: dict[str, Any], webhook: str | None
    ) -> list[Delivery]:
        now = clock.now()
        body = json.dumps({"type": event, "timestamp": clock.to_text(now), "data": data})
        return [
            Delivery(
                id=message_id(event, key, url), url=url, event=event, body=body, created_at=now, next_at=now
            )
            for url in dict.fromkeys(url for url in (webhook, *self._webhooks.urls_for(event)) if url)
        ]

    def _has_receiver(self, job: Job) -> bool:
        return bool(
            job.webhook
            or self._webhooks.urls_for(WebhookEvent.JOB_ENDED)
            or (job.batch_id and self._webhooks.urls_for(WebhookEvent.BATCH_ENDED))
        )
