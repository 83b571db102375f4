"""Control the services of the pod and read their logs."""

import asyncio
from collections.abc import AsyncGenerator, Iterable
from contextlib import closing
from pathlib import Path
from typing import Literal

from backend.activity.service import Activity
from backend.core.errors import Conflict, NotFound
from backend.system.comfyui_runs import Runs, read_runs, with_state
from backend.system.logs import MAX_LINE_LENGTH, LogReader, cleaner, lines_of, read_tail
from backend.system.models import Action, LogFrame, Service
from backend.system.supervisor import Supervisor

POLL_SECONDS = 0.25
# The most lines of a log that one request may read.
MAX_LINES = 5000


class Services:
    """The services of this pod, the control plane included."""

    def __init__(self, supervisor: Supervisor, run_folder: Path, log_folder: Path, activity: Activity):
        self._activity = activity
        self._run_folder = run_folder
        self._supervisor = supervisor
        self._log_folder = log_folder
        self._secrets: set[str] = set()
        self._clean = cleaner(self._secrets)

    async def hide(self, secrets: Iterable[str]) -> None:
        """Mask these secrets too, in the logs that pages show and in the container's log."""
        self._secrets |= set(secrets)
        self._clean = cleaner(self._secrets)
        await asyncio.to_thread(self._supervisor.hide, self._secrets.copy())

    async def all(self) -> list[Service]:
        """Return the services of this pod; empty without a supervisor, as on a developer's machine."""
        return await asyncio.to_thread(self._all)

    def _all(self) -> list[Service]:
        runs = self.runs()
        return [with_state(service, runs) for service in self._supervisor.services()]

    def runs(self) -> Runs | None:
        """Return ComfyUI's starts and crashes; None outside a pod."""
        return read_runs(self._run_folder)

    def clean(self, text: str) -> str:
        """Mask secrets and remove terminal sequences."""
        return self._clean(text)

    async def state(self, name: str) -> str:
        """Return the supervisor's state, or `unknown` when the pod does not run the service."""
        return next((service.state for service in await self.all() if service.name == name), "unknown")

    async def get(self, name: str) -> Service:
        for service in await self.all():
            if service.name == name:
                return service
        raise NotFound(f"This pod runs no service called '{name[:50]}'.")

    async def act(self, name: str, action: Action) -> Service:
        """Start, stop or restart a service and return its new state. It is no error if it is already in that state."""
        service = await self.get(name)
        if action not in service.allowed:
            raise Conflict(f"You cannot {action} {service.title}: the pod needs it to run.")
        await asyncio.to_thread(self._supervisor.act, name, action)
        self._activity.note(f"service.{action.value}", name)
        return await self.get(name)

    async def start_on_demand(self, name: str) -> None:
        """Start a service that the pod does not start by itself. It is listed from then on."""
        await asyncio.to_thread(self._supervisor.act, name, Action.START)

    async def restart_if_running(self, name: str) -> bool:
        """Restart a service so that it reads its settings again. Return False if it is stopped or not part of this pod."""
        service = next((service for service in await self.all() if service.name == name), None)
        if service is None or Action.RESTART not in service.possible:
            return False
        await asyncio.to_thread(self._supervisor.act, name, Action.RESTART)
        self._activity.note("service.restart", name)
        return True

    async def log(self, name: str, count: int) -> list[str]:
        """Return the last `count` lines that the service wrote."""
        await self.get(name)
        return await asyncio.to_thread(read_tail, self.log_path(name), self._clean, count)

    async def follow(self, name: str, count: int) -> AsyncGenerator[LogFrame, None]:
        """Yield the last `count` lines, then new lines as the service writes them. Never ends by itself."""
        with closing(LogReader(self.log_path(name))) as reader:
            history = await asyncio.to_thread(reader.read_history)
            frame, unfinished = self._frame("snapshot", history, count)
            yield frame
            while True:
                content = await asyncio.to_thread(reader.read)
                if content:
                    frame, unfinished = self._frame("lines", unfinished + content, count)
                    yield frame
                else:
                    await asyncio.sleep(POLL_SECONDS)

    def _frame(
        self, kind: Literal["snapshot", "lines"], content: bytes, count: int
    ) -> tuple[LogFrame, bytes]:
        """Return a frame, and the bytes of the line that has not ended yet."""
        whole, end, unfinished = content.rpartition(b"\n")
        unfinished = unfinished[-MAX_LINE_LENGTH:]
        frame = LogFrame(
            type=kind,
            lines=lines_of(whole + end, self._clean)[-count:],
            unfinished="".join(lines_of(unfinished, self._clean)),
        )
        return frame, unfinished

    def log_path(self, name: str) -> Path:
        return self._log_folder / f"{name}.log"
