"""Sets the pace of downloads: the policy, the hour, and whether ComfyUI is generating."""

import asyncio
from dataclasses import dataclass
from datetime import datetime

import structlog
from pydantic import ValidationError

from backend.comfy.client import ComfyClient
from backend.core.errors import Unavailable
from backend.core.events import EventBus
from backend.downloads.policy import Pace, Policy
from backend.downloads.store import TransferStore
from backend.downloads.throttle import Throttle

log = structlog.get_logger(__name__)

LOOK_SECONDS = 2.0


@dataclass(frozen=True, kw_only=True)
class PolicyChanged:
    """News: another policy holds."""


class Governor:
    """Keeps the policy, and the throttle as the policy wants it."""

    def __init__(
        self, store: TransferStore, throttle: Throttle, comfy: ComfyClient, events: EventBus, default: Policy
    ):
        self._store = store
        self._throttle = throttle
        self._comfy = comfy
        self._events = events
        self.policy = default
        # What holds at this moment.
        self.pace = Pace()

    async def load(self) -> None:
        """The policy that was set last. One that cannot be read any more is left for the default."""
        written = await self._store.policy()
        if written is None:
            return
        try:
            self.policy = Policy.model_validate_json(written)
        except ValidationError:
            log.warning("the download policy could not be read; the default holds")

    async def change(self, policy: Policy) -> None:
        await self._store.set_policy(policy.model_dump_json())
        self.policy = policy
        await self.adjust()
        self._events.publish(PolicyChanged())

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await self.adjust()
            await asyncio.sleep(LOOK_SECONDS)

    async def adjust(self) -> None:
        """Set the pace that holds now."""
        generating = self.policy.polite and await self._is_generating()
        moment = datetime.now().astimezone()
        self.pace = self.policy.pace_at(moment, generating=generating)
        self._throttle.set(self.pace.limit, self.policy.connections)

    async def _is_generating(self) -> bool:
        try:
            return await self._comfy.queue_remaining() > 0
        except Unavailable:
            return False
