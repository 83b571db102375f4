"""The secret that signs webhooks. It is a setting of the queue's store: in the database, and in the journal on the volume."""

from backend.jobs.changes import Changes
from backend.jobs.store import JobStore
from backend.jobs.webhooks.signing import new_secret

SETTING = "webhook_secret"


class SigningSecret:
    def __init__(self, store: JobStore):
        self._store = store

    async def get(self) -> str:
        return await self._store.setting(SETTING) or await self.renew()

    async def renew(self) -> str:
        secret = new_secret()
        await self._store.save(Changes(settings={SETTING: secret}))
        return secret
