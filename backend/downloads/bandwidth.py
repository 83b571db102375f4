"""Applies the rate limit: the policy, the time of day, and whether ComfyUI is generating."""

import asyncio
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import structlog
from pydantic import ValidationError

from backend.comfy.client import ComfyClient
from backend.comfy.errors import ComfyError
from backend.core.events import EventBus
from backend.core.persistence import save_persistently
from backend.downloads.engine.throttle import Throttle
from backend.downloads.policy import Policy, RateLimit

log = structlog.get_logger(__name__)

INTERVAL_SECONDS = 2.0


@dataclass(frozen=True, kw_only=True)
class PolicyChanged:
    """Event: the policy was changed."""


class Bandwidth:
    """Keeps the policy in the file `path`, and the throttle at the limit that applies now."""

    def __init__(self, path: Path, throttle: Throttle, comfy: ComfyClient, events: EventBus, default: Policy):
        self._path = path
        self._throttle = throttle
        self._comfy = comfy
        self._events = events
        self.policy = default
        # The limit that applies now.
        self.rate_limit = RateLimit()

    async def load(self) -> None:
        """Load the saved policy. If it cannot be read, the default applies."""
        try:
            self.policy = Policy.model_validate_json(await asyncio.to_thread(self._path.read_bytes))
        except FileNotFoundError:
            return
        except (OSError, ValidationError):
            log.warning("the saved download policy cannot be read; using the default")

    async def change(self, policy: Policy) -> None:
        """Save and apply a policy. Raise Unavailable when it cannot be saved."""
        await asyncio.to_thread(save_persistently, self._path, policy.model_dump_json(indent=2).encode())
        self.policy = policy
        await self.adjust()
        self._events.publish(PolicyChanged())

    async def run(self) -> None:
        """Adjust the limit regularly until cancelled."""
        while True:
            await self.adjust()
            await asyncio.sleep(INTERVAL_SECONDS)

    async def adjust(self) -> None:
        """Apply the limit for this moment."""
        generating = self.policy.polite and await self._is_generating()
        now = datetime.now().astimezone()
        self.rate_limit = self.policy.rate_limit_at(now, generating=generating)
        self._throttle.set(self.rate_limit.limit, self.policy.connections)

    async def _is_generating(self) -> bool:
        try:
            return await self._comfy.prompts.remaining() > 0
        except ComfyError:
            return False
