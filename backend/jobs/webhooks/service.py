"""The receivers of messages about all jobs. They are settings of the queue's store: in the database, and in the journal on the volume."""

from backend.core import clock
from backend.core.errors import Conflict, NotFound
from backend.jobs.changes import Changes
from backend.jobs.models import new_id
from backend.jobs.queue_settings import QueuePolicy
from backend.jobs.store import JobStore
from backend.jobs.webhook_urls import check_webhook
from backend.jobs.webhooks.models import Webhook, WebhookChange, WebhookEvent, WebhookRequest

PREFIX = "webhook:"
MAX_WEBHOOKS = 50
NO_MORE = "The receiver wants no more messages (410)."


class Webhooks:
    def __init__(self, store: JobStore, policy: QueuePolicy):
        self._store = store
        self._policy = policy
        self._webhooks: dict[str, Webhook] = {}

    async def load(self) -> None:
        saved = await self._store.settings_starting(PREFIX)
        loaded = [Webhook.model_validate_json(value) for value in saved.values() if value]
        self._webhooks = {webhook.id: webhook for webhook in loaded}

    def all(self) -> list[Webhook]:
        return sorted(self._webhooks.values(), key=lambda webhook: (webhook.created_at, webhook.id))

    def get(self, webhook_id: str) -> Webhook:
        try:
            return self._webhooks[webhook_id]
        except KeyError:
            raise NotFound("There is no such webhook. `GET /api/webhooks` lists all webhooks.") from None

    def urls_for(self, event: WebhookEvent) -> list[str]:
        return [each.url for each in self.all() if event in each.events and not each.paused]

    async def add(self, request: WebhookRequest) -> Webhook:
        """Add a receiver. Raise InvalidRequest for a host that may not be reached, Conflict for a URL that is there."""
        self._check(request.url)
        if len(self._webhooks) >= MAX_WEBHOOKS:
            raise Conflict(f"There are {MAX_WEBHOOKS} webhooks, the most a pod can have. Delete one first.")
        return await self._save(Webhook(**request.model_dump(), id=new_id(), created_at=clock.now()))

    async def change(self, webhook_id: str, request: WebhookChange) -> Webhook:
        before = self.get(webhook_id)
        changes = request.model_dump(exclude_unset=True, exclude_none=True)
        if request.url and request.url != before.url:
            self._check(request.url)
        if request.url or request.paused is False:
            changes["problem"] = None
        return await self._save(before.model_copy(update=changes))

    async def remove(self, webhook_id: str) -> None:
        webhook = self.get(webhook_id)
        await self._store.save(Changes(settings={f"{PREFIX}{webhook.id}": ""}))
        del self._webhooks[webhook_id]

    async def stop(self, url: str) -> None:
        """Pause a receiver that wants no more messages."""
        for webhook in self.all():
            if webhook.url == url:
                await self._save(webhook.model_copy(update={"paused": True, "problem": NO_MORE}))

    def _check(self, url: str) -> None:
        check_webhook(url, self._policy.current.webhook_allowed_hosts)
        if any(each.url == url for each in self._webhooks.values()):
            raise Conflict("There is a webhook with this URL already. Change that one.")

    async def _save(self, webhook: Webhook) -> Webhook:
        await self._store.save(Changes(settings={f"{PREFIX}{webhook.id}": webhook.model_dump_json()}))
        self._webhooks[webhook.id] = webhook
        return webhook
