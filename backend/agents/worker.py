"""Starts work on conversations, and ends the process when no work is left."""

import asyncio
import time
from pathlib import Path

import structlog

from backend.agents.runner import Runner
from backend.conversations import agents_config
from backend.conversations.actions import Actions
from backend.conversations.models import State
from backend.conversations.store import ConversationStore
from backend.core.async_tools import cancel_and_wait
from backend.core.errors import NotFound

log = structlog.get_logger(__name__)

# Between two checks for work, in addition to the checks on request.
LOOK_SECONDS = 2.0


class Worker:
    """Runs one task for each conversation with work."""

    def __init__(self, store: ConversationStore, runner: Runner, config_path: Path, *, idle_seconds: float):
        self._store = store
        self._actions = Actions(store)
        self._runner = runner
        self._config_path = config_path
        self._idle_seconds = idle_seconds
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._last_work = time.monotonic()
        self._look = asyncio.Event()

    @property
    def running(self) -> int:
        return len(self._tasks)

    def look(self) -> None:
        """Check for work now."""
        self._last_work = time.monotonic()
        self._look.set()

    async def stop(self, conversation_id: str) -> None:
        """Cancel the work on a conversation."""
        task = self._tasks.get(conversation_id)
        if task:
            await cancel_and_wait(task)

    async def run(self) -> None:
        """Work until there was nothing to do for `idle_seconds`."""
        try:
            while self._tasks or time.monotonic() - self._last_work < self._idle_seconds:
                await self._actions.expire()
                for conversation_id in await self._store.unfinished():
                    self._start(conversation_id)
                try:
                    await asyncio.wait_for(self._look.wait(), LOOK_SECONDS)
                except TimeoutError:
                    continue
                self._look.clear()
            log.info("nothing to do; the process ends")
        finally:
            await cancel_and_wait(*self._tasks.values())

    def _start(self, conversation_id: str) -> None:
        if conversation_id in self._tasks:
            return
        task = asyncio.create_task(self._work(conversation_id))
        self._tasks[conversation_id] = task
        task.add_done_callback(lambda _: self._ended(conversation_id))

    def _ended(self, conversation_id: str) -> None:
        del self._tasks[conversation_id]
        self.look()  # the user may have continued it in the meantime

    async def _work(self, conversation_id: str) -> None:
        try:
            conversation = await self._store.get(conversation_id)
            config = await asyncio.to_thread(agents_config.read, self._config_path)
        except NotFound:
            return
        except (OSError, ValueError) as error:
            log.warning("the control plane's settings cannot be read", reason=str(error))
            await asyncio.sleep(LOOK_SECONDS)
            return
        if conversation.state is State.RUNNING:
            await self._runner.run(conversation, config)
