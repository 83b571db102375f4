"""Whether jobs may start: the switch of the user, quiet hours, and what happens after a crash."""

import contextlib

from backend.core import clock
from backend.core.errors import CannotRecord
from backend.jobs.changes import Changes
from backend.jobs.queue_settings import AfterCrash, QueuePolicy
from backend.jobs.store import JobStore

PAUSED = "paused"
# Set while the control plane runs.
RUNNING = "running"


class Pausing:
    def __init__(self, store: JobStore, policy: QueuePolicy):
        self._store = store
        self._policy = policy
        self.is_paused = False

    @property
    def may_start(self) -> bool:
        return not self.is_paused and not self._policy.is_quiet(clock.now())

    async def load(self) -> None:
        """Load whether the queue is paused. After a crash, the settings decide."""
        await self._load(has_crashed=await self._store.setting(RUNNING) == "1")

    async def take_over(self) -> None:
        """Load again as after a crash, because the jobs of another pod were taken over."""
        await self._load(has_crashed=True)

    async def close(self) -> None:
        """Record that the control plane ends normally."""
        with contextlib.suppress(CannotRecord):
            await self._store.save(Changes(settings={RUNNING: "0"}))

    async def set(self, *, paused: bool) -> None:
        await self._store.save(Changes(settings={PAUSED: "1" if paused else "0"}))
        self.is_paused = paused

    async def _load(self, *, has_crashed: bool) -> None:
        await self._policy.load()
        self.is_paused = await self._store.setting(PAUSED) == "1"
        settings = {RUNNING: "1"}
        if has_crashed and self._policy.current.after_crash != AfterCrash.AS_BEFORE:
            self.is_paused = self._policy.current.after_crash == AfterCrash.PAUSED
            settings[PAUSED] = "1" if self.is_paused else "0"
        with contextlib.suppress(CannotRecord):
            await self._store.save(Changes(settings=settings))
