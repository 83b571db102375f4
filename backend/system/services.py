"""Steers the services of the pod and shows what they write."""

import asyncio
from collections.abc import AsyncGenerator, Iterable
from contextlib import closing
from pathlib import Path
from typing import Literal

from backend.activity.service import Activity
from backend.core.errors import Conflict, NotFound
from backend.system.logs import LONGEST_LINE, LogReader, cleaner, lines_of, read_tail
from backend.system.models import Action, LogNews, Service
from backend.system.supervisor import Supervisor

LOOK_SECONDS = 0.25
# As many as a look at a log may ask for.
MOST_LINES = 5000


class Services:
    """What runs beside the control plane, and itself."""

    def __init__(self, supervisor: Supervisor, log_folder: Path, activity: Activity):
        self._activity = activity
        self._supervisor = supervisor
        self._log_folder = log_folder
        self._hidden: set[str] = set()
        self._clean = cleaner(self._hidden)

    async def hide(self, secrets: Iterable[str]) -> None:
        """Mask these as well from now on, in the logs that we show and in the container's."""
        self._hidden |= set(secrets)
        self._clean = cleaner(self._hidden)
        await asyncio.to_thread(self._supervisor.hide, self._hidden.copy())

    async def all(self) -> list[Service]:
        """Those that this pod runs; empty where there is no supervisor, as on a developer's machine."""
        return await asyncio.to_thread(self._supervisor.services)

    async def state(self, name: str) -> str:
        """The supervisor's word, or `unknown` where the pod does not run the service."""
        return next((service.state for service in await self.all() if service.name == name), "unknown")

    async def get(self, name: str) -> Service:
        for service in await self.all():
            if service.name == name:
                return service
        raise NotFound(f"This pod runs no service called '{name[:50]}'.")

    async def act(self, name: str, action: Action) -> Service:
        """Start, stop or restart. Doing what is done already is no error. Returns the new state."""
        service = await self.get(name)
        if action not in service.allowed:
            raise Conflict(f"{service.title} cannot be asked to {action}: the pod needs it to run.")
        await asyncio.to_thread(self._supervisor.act, name, action)
        self._activity.note(f"service.{action.value}", name)
        return await self.get(name)

    async def restart_if_running(self, name: str) -> bool:
        """So that it reads its settings anew. One that its owner stopped, or that is not here, is left alone."""
        service = next((service for service in await self.all() if service.name == name), None)
        if service is None or Action.RESTART not in service.possible:
            return False
        await asyncio.to_thread(self._supervisor.act, name, Action.RESTART)
        self._activity.note("service.restart", name)
        return True

    async def log(self, name: str, count: int) -> list[str]:
        """The last `count` lines that the service wrote."""
        await self.get(name)
        return await asyncio.to_thread(read_tail, self._log_path(name), self._clean, count)

    async def follow(self, name: str, count: int) -> AsyncGenerator[LogNews, None]:
        """The last `count` lines, then what is written from now on, for as long as somebody takes it."""
        with closing(LogReader(self._log_path(name))) as reader:
            history = await asyncio.to_thread(reader.read_history)
            news, unfinished = self._news("snapshot", history, count)
            yield news
            while True:
                content = await asyncio.to_thread(reader.read)
                if content:
                    news, unfinished = self._news("lines", unfinished + content, count)
                    yield news
                else:
                    await asyncio.sleep(LOOK_SECONDS)

    def _news(self, kind: Literal["snapshot", "lines"], content: bytes, count: int) -> tuple[LogNews, bytes]:
        """A frame, and the bytes of the line that has not ended yet."""
        whole, end, unfinished = content.rpartition(b"\n")
        unfinished = unfinished[-LONGEST_LINE:]
        news = LogNews(
            type=kind,
            lines=lines_of(whole + end, self._clean)[-count:],
            unfinished="".join(lines_of(unfinished, self._clean)),
        )
        return news, unfinished

    def _log_path(self, name: str) -> Path:
        return self._log_folder / f"{name}.log"
