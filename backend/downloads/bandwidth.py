"""Sets the pace of downloads: the policy, the hour, and whether ComfyUI is generating."""

import asyncio
import contextlib
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import structlog
from pydantic import ValidationError

from backend.comfy.client import ComfyClient
from backend.comfy.errors import ComfyError
from backend.core.errors import Unavailable
from backend.core.events import EventBus
from backend.core.persistence import keep
from backend.downloads.engine.throttle import Throttle
from backend.downloads.policy import Policy, RateLimit
from backend.downloads.store import TransferStore

log = structlog.get_logger(__name__)

LOOK_SECONDS = 2.0


@dataclass(frozen=True, kw_only=True)
class PolicyChanged:
    """News: another policy holds."""


class Bandwidth:
    """Keeps the policy, in the file `path`, and the throttle as the policy wants it."""

    def __init__(
        self,
        path: Path,
        store: TransferStore,
        throttle: Throttle,
        comfy: ComfyClient,
        events: EventBus,
        default: Policy,
    ):
        self._path = path
        self._store = store
        self._throttle = throttle
        self._comfy = comfy
        self._events = events
        self.policy = default
        # What holds at this moment.
        self.pace = RateLimit()

    async def load(self) -> None:
        """The policy that was set last. One that cannot be read any more is left for the default."""
        try:
            written = await asyncio.to_thread(self._path.read_bytes)
        except FileNotFoundError:
            written = await self._kept_before()
        except OSError as error:
            written = str(error).encode()
        if not written:
            return
        try:
            self.policy = Policy.model_validate_json(written)
        except ValidationError:
            log.warning("the download policy could not be read; the default holds")

    async def _kept_before(self) -> bytes:
        """What an earlier version has written into the database, moved over. Empty if there is none."""
        written = await self._store.policy()
        if written is None:
            return b""
        with contextlib.suppress(Unavailable):
            await asyncio.to_thread(keep, self._path, written.encode())
        return written.encode()

    async def change(self, policy: Policy) -> None:
        """Unavailable when it cannot be kept."""
        await asyncio.to_thread(keep, self._path, policy.model_dump_json(indent=2).encode())
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
            return await self._comfy.prompts.remaining() > 0
        except ComfyError:
            return False
