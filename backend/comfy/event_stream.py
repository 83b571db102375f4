"""The socket to one ComfyUI: opened while there are readers, and opened again whenever it closes.

ComfyUI sends events of a prompt only to the socket whose client id the prompt was submitted with, keeps nothing for a
socket that is away, and knows one socket per client id. So there is one stream per ComfyUI, its client id stays the
same, and the old socket is closed before the next one opens: one that closes late would un-register the new one, which
then stays open and hears nothing. That cannot be seen from here; `reconnect` is the cure for a silent socket.
"""

import asyncio
import json
import random
import time
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import quote

import structlog
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

from backend.comfy.events import (
    Connected,
    Disconnected,
    Event,
    ExecutionEnded,
    ExecutionStarted,
    NodeStarted,
)
from backend.comfy.frames import read_text
from backend.comfy.previews import read_binary
from backend.comfy.subscription import RecentPrompts, Subscription
from backend.core.async_tools import cancel_and_wait

log = structlog.get_logger(__name__)

# A preview of a large picture, or all that a node shows. What is larger closes the socket, and polling goes on.
LARGEST_FRAME = 16 * 1024 * 1024
OPEN_SECONDS = 10.0
CLOSE_SECONDS = 2.0
FIRST_PAUSE_SECONDS = 0.2
LONGEST_PAUSE_SECONDS = 5.0
# Previews then say which prompt and node they are of.
GREETING = json.dumps({"type": "feature_flags", "data": {"supports_preview_metadata": True}})


class EventStream:
    def __init__(self, base_url: str, client_id: str | None = None):
        self.client_id = client_id or uuid.uuid4().hex
        self._url = f"{base_url.replace('http', 'ws', 1)}/ws?clientId={quote(self.client_id)}"
        self._subscriptions: set[Subscription] = set()
        self._recent = RecentPrompts()
        self._users = 0
        self._task: asyncio.Task[None] | None = None
        self._socket: ClientConnection | None = None
        self._heard_at = 0.0
        # What frames without ids are about.
        self._prompt_id = ""
        self._node_id = ""

    @property
    def is_connected(self) -> bool:
        return self._socket is not None

    @property
    def silent_seconds(self) -> float:
        """Return for how long nothing has come, or nothing was connected."""
        return time.monotonic() - self._heard_at

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[None]:
        """Keep the socket open, so that the first events of a prompt are not missed. Does not wait for it."""
        self._users += 1
        if self._task is None:
            self._heard_at = time.monotonic()
            self._task = asyncio.create_task(self._run(), name="comfyui-events")
        try:
            yield
        finally:
            self._users -= 1
            if not self._users:
                await self._stop()

    @asynccontextmanager
    async def subscribe(
        self, prompt_id: str | None = None, *, previews: bool = False
    ) -> AsyncIterator[Subscription]:
        """Read the events of one prompt, or of all that were submitted with this client id.

        Of one prompt, also those of before come, as far as the socket was open and the prompt is a recent one.
        """
        earlier = self._recent.of(prompt_id) if prompt_id else []
        subscription = Subscription(prompt_id, previews=previews, earlier=earlier)
        self._subscriptions.add(subscription)
        try:
            async with self.opened():
                yield subscription
        finally:
            self._subscriptions.discard(subscription)

    async def connected(self) -> None:
        """Wait until the socket is open; it has to be `opened` or subscribed to."""
        async with self.subscribe() as events:
            while not self.is_connected:
                await events.next()

    async def reconnect(self) -> None:
        """Close the socket, if it is open. It opens again at once."""
        if self._socket:
            log.info("opening the socket to ComfyUI again", silent_seconds=round(self.silent_seconds))
            self._heard_at = time.monotonic()
            await self._socket.close()

    async def _stop(self) -> None:
        task, self._task = self._task, None
        if task:
            await cancel_and_wait(task)

    async def _run(self) -> None:
        pause = FIRST_PAUSE_SECONDS
        while True:
            if await self._listen():
                pause = FIRST_PAUSE_SECONDS
            await asyncio.sleep(pause * random.uniform(0.5, 1.0))  # noqa: S311 (spreads the attempts)
            pause = min(2 * pause, LONGEST_PAUSE_SECONDS)

    async def _listen(self) -> bool:
        """Read one socket until it closes. Return whether it has opened at all."""
        was_open = False
        try:
            async with _connect(self._url) as socket:
                await socket.send(GREETING)
                was_open = True
                self._socket, self._heard_at = socket, time.monotonic()
                self._publish(Connected())
                async for frame in socket:
                    self._receive(frame)
        except (OSError, WebSocketException, TimeoutError, EOFError) as error:
            log.debug("the socket to ComfyUI has closed", reason=str(error))
        finally:
            self._socket = None
            self._prompt_id = self._node_id = ""
            if was_open:
                self._publish(Disconnected())
        return was_open

    def _receive(self, frame: str | bytes) -> None:
        self._heard_at = time.monotonic()
        if isinstance(frame, str):
            event: Event | None = read_text(frame)
        else:
            event = read_binary(frame, prompt_id=self._prompt_id, node_id=self._node_id)
        match event:
            case ExecutionStarted():
                self._prompt_id, self._node_id = event.prompt_id, ""
            case NodeStarted():
                self._prompt_id, self._node_id = event.prompt_id or self._prompt_id, event.node_id
            case ExecutionEnded():
                self._prompt_id = self._node_id = ""
        if event:
            self._publish(event)

    def _publish(self, event: Event) -> None:
        self._recent.add(event)
        for subscription in self._subscriptions:
            subscription.add(event)


def _connect(url: str) -> connect:
    return connect(
        url,
        open_timeout=OPEN_SECONDS,
        close_timeout=CLOSE_SECONDS,
        # A node that loads a model keeps ComfyUI from answering pings for minutes, and it still lives.
        ping_interval=None,
        max_size=LARGEST_FRAME,
        compression=None,
        proxy=None,
    )
