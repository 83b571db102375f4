"""The assistant: records the actions of the user, and runs the agents process while there is work."""

import asyncio
import json
import secrets
from collections.abc import AsyncGenerator, Sequence
from contextlib import AsyncExitStack
from pathlib import Path

import structlog

from backend.activity.service import Activity
from backend.assistant.credential import pod_key
from backend.assistant.listeners import Frame, Listeners
from backend.assistant.preferences import Preferences, SavedPreferences
from backend.assistant.process import AgentsProcess
from backend.auth.keys import ApiKeys
from backend.conversations import agents_config
from backend.conversations.actions import Actions
from backend.conversations.agents_config import AgentsConfig
from backend.conversations.models import Attachment, Event
from backend.conversations.store import ConversationStore
from backend.core.async_tools import cancel_and_wait
from backend.core.database import open_database
from backend.core.errors import AppError, Conflict, Unavailable

log = structlog.get_logger(__name__)

NO_KEY = "The assistant needs a key of its model's provider. Save one under Settings."
# Restarts of a process that keeps ending.
MOST_RESTARTS = 3
RESTART_SECONDS = 1.0


class Assistant:
    """The conversations of this pod. The database is opened at the first use."""

    def __init__(
        self,
        folder: Path,
        preferences: SavedPreferences,
        keys: ApiKeys,
        process: AgentsProcess,
        activity: Activity,
        stack: AsyncExitStack,
    ):
        self.preferences = preferences
        self.process = process
        self._folder = folder
        self._keys = keys
        self._activity = activity
        self._stack = stack
        self._listeners = Listeners()
        self._opening = asyncio.Lock()
        self._one_wake = asyncio.Lock()
        self._store: ConversationStore | None = None
        self._pod_url = ""
        self._following: asyncio.Task[None] | None = None
        self._waking: set[asyncio.Task[None]] = set()

    async def store(self) -> ConversationStore:
        async with self._opening:
            if self._store is None:
                path = self._folder / agents_config.DATABASE
                database = await self._stack.enter_async_context(open_database(path))
                store = ConversationStore(database)
                await store.prepare()
                self._store = store
            return self._store

    async def actions(self) -> Actions:
        return Actions(await self.store())

    async def close(self) -> None:
        """Stop monitoring the process, then end it."""
        tasks = [*self._waking, *([self._following] if self._following else [])]
        await cancel_and_wait(*tasks)
        await self.process.close()

    async def send(
        self, conversation_id: str, text: str, attachments: Sequence[Attachment], pod_url: str
    ) -> list[Event]:
        """Record a message; the assistant answers in the background. Raise Conflict without a key."""
        if not (await self.preferences.get()).key:
            raise Conflict(NO_KEY, code="no_key")
        events = await (await self.actions()).send(conversation_id, text, attachments)
        self._listeners.publish_events(events)
        self.wake(pod_url)
        return events

    async def decide(
        self,
        conversation_id: str,
        call_id: str,
        *,
        approve: bool,
        always: bool,
        by: str,
        reason: str,
        pod_url: str,
    ) -> None:
        actions = await self.actions()
        events = await actions.decide(
            conversation_id, call_id, approve=approve, always=always, by=by, reason=reason
        )
        self._listeners.publish_events(events)
        self._activity.note(f"assistant.{'approved' if approve else 'denied'}", _tool_of(events))
        self.wake(pod_url)

    async def stop(self, conversation_id: str) -> None:
        """End the turn at once, even when the process does not respond."""
        self._listeners.publish_events(await (await self.actions()).stop(conversation_id))
        await self.process.interrupt(conversation_id)

    async def delete(self, conversation_id: str) -> None:
        await self.stop(conversation_id)
        await (await self.actions()).delete(conversation_id)

    async def frames(self, conversation_id: str, after: int | None) -> AsyncGenerator[Frame, None]:
        """Yield the frames with which a browser shows a conversation and keeps it up to date."""
        store = await self.store()
        self._listeners.publish_events(await (await self.actions()).expire())
        conversation = await store.get(conversation_id)
        usage = await store.usage(conversation_id)
        first = {
            "state": conversation.state,
            "title": conversation.title,
            "tokens": usage.input_tokens + usage.output_tokens,
            "cost": usage.cost,
        }
        async for frame in self._listeners.follow(store, conversation_id, after, first):
            yield frame

    async def resume(self) -> None:
        """Resume turns that an earlier process did not finish. Create nothing when there are none."""
        if not await asyncio.to_thread((self._folder / agents_config.DATABASE).exists):
            return
        if await (await self.store()).unfinished():
            config = await asyncio.to_thread(agents_config.read, self._folder / agents_config.CONFIG_FILE)
            self.wake(config.pod_url)

    def wake(self, pod_url: str) -> None:
        """Start the process unless it runs, and make it check for work. `pod_url` is the control plane's URL for it."""
        self._pod_url = pod_url
        task = asyncio.create_task(self._wake())
        self._waking.add(task)
        task.add_done_callback(self._waking.discard)

    async def _wake(self) -> None:
        async with self._one_wake:
            await self._start_and_look()

    async def _start_and_look(self) -> None:
        try:
            await self._write_config()
            if await self.process.health() is None:
                self._listeners.publish_to_all({"type": "process", "state": "starting"})
                await self.process.ensure()
            self._listeners.publish_to_all({"type": "process", "state": "ready"})
            if self._following is None or self._following.done():
                self._following = asyncio.create_task(self._follow())
            await self.process.look()
        except AppError as error:
            log.warning("the assistant does not work", reason=error.message)
            await self._fail(error.message)
        except Exception:
            log.exception("the assistant does not work")
            await self._fail("The assistant does not work. The log of the control plane says why.")

    async def _fail(self, message: str) -> None:
        """End all unfinished turns with an error, because the process does not run."""
        actions = await self.actions()
        for conversation_id in await (await self.store()).unfinished():
            self._listeners.publish_events(await actions.stop(conversation_id, "failed", message))

    async def _follow(self) -> None:
        """Forward the events of the process to browsers. Restart it when it ends before its work is done."""
        restarts = 0
        while True:
            async for line in self.process.lines():
                if frame := _frame_of(line):
                    self._listeners.publish(frame.pop("id"), frame)
                    restarts = 0
            if not await (await self.store()).unfinished():
                return
            if restarts == MOST_RESTARTS:
                await self._fail("The assistant's process ended several times. Write again to try once more.")
                return
            restarts += 1
            self._listeners.publish_to_all({"type": "process", "state": "starting"})
            await asyncio.sleep(RESTART_SECONDS)
            try:
                await self.process.ensure()
            except Unavailable as error:
                await self._fail(error.message)
                return
            self._listeners.publish_to_all({"type": "process", "state": "ready"})

    async def _write_config(self) -> None:
        path = self._folder / agents_config.CONFIG_FILE
        preferences = await self.preferences.get()
        secret = await asyncio.to_thread(_secret_of, path)
        config = _config_of(preferences, self._pod_url, await self._pod_key(preferences), secret)
        await asyncio.to_thread(agents_config.write, path, config)
        self.process.secret = secret

    async def _pod_key(self, preferences: Preferences) -> str:
        return await pod_key(self._keys, self._folder / agents_config.CONFIG_FILE, preferences.scopes)


def _config_of(preferences: Preferences, pod_url: str, key: str, secret: str) -> AgentsConfig:
    return AgentsConfig(
        provider=preferences.provider,
        model=preferences.model,
        base_url=preferences.base_url,
        provider_key=preferences.key,
        pod_url=pod_url,
        pod_key=key,
        secret=secret,
        limits=preferences.limits,
    )


def _frame_of(line: str) -> Frame | None:
    """Return the event of a line; None for an empty line, and for an incomplete one of a killed process."""
    try:
        frame: Frame = json.loads(line) if line else {}
    except ValueError:
        return None
    return frame or None


def _secret_of(path: Path) -> str:
    """Return the secret in the last configuration, which a running process uses, else a new one."""
    try:
        return agents_config.read(path).secret
    except (OSError, ValueError, KeyError, TypeError):
        return secrets.token_urlsafe(32)


def _tool_of(events: Sequence[Event]) -> str:
    return next((str(event.data["tool"]) for event in events if event.type == "call"), "")
