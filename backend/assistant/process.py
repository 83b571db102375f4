"""Starts the agents process: with the supervisor in a pod, else as a child."""

import asyncio
import os
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import structlog

from backend.config.settings import PROJECT_ROOT, Settings
from backend.conversations.agents_config import FOLDER
from backend.core.errors import Unavailable
from backend.system.services import Services

log = structlog.get_logger(__name__)

NAME = "agents"
START_SECONDS = 60.0
POLL_SECONDS = 0.1
STOP_SECONDS = 3.0
# The process sends a keep-alive every five seconds.
SILENCE_SECONDS = 20.0
# Secrets that the process does not need and must not have.
SECRETS = (
    "ACCESS_PASSWORD",
    "HF_TOKEN",
    "CIVITAI_TOKEN",
    "RUNPOD_API_KEY",
    "CONTAINER_API_KEY",
    "ANTHROPIC_API_KEY",
)


class AgentsProcess:
    """The agents process: at most one on this machine. One that an earlier control plane started is used."""

    def __init__(self, settings: Settings, services: Services):
        self._settings = settings
        self._services = services
        self._child: asyncio.subprocess.Process | None = None
        self._starting = asyncio.Lock()
        self._url = f"http://127.0.0.1:{settings.agents_port}"
        self.secret = ""

    async def ensure(self) -> None:
        """Start the process unless it runs, and wait until it responds. Raise Unavailable when it does not start."""
        async with self._starting:
            deadline = time.monotonic() + START_SECONDS
            if await self.health() is not None:
                return
            await self._start()
            while await self.health() is None:
                if time.monotonic() > deadline or self._has_failed():
                    raise Unavailable(
                        f"The assistant's process does not start. {self.log_path} says why.",
                        code="agents_failed",
                    )
                await asyncio.sleep(POLL_SECONDS)

    async def health(self) -> dict[str, Any] | None:
        """Return the state that the process reports; None when it does not respond."""
        try:
            async with self._client() as client:
                response = await client.get("/health")
        except httpx.HTTPError:
            return None
        found: dict[str, Any] | None = response.json() if response.is_success else None
        return found

    async def look(self) -> None:
        """Make the process check for work at once; it also checks at intervals."""
        await self._post("/look")

    async def interrupt(self, conversation_id: str) -> None:
        await self._post(f"/stop/{conversation_id}")

    async def lines(self) -> AsyncIterator[str]:
        """Yield the events that the process writes, until it ends."""
        timeout = httpx.Timeout(SILENCE_SECONDS, connect=2)
        try:
            async with self._client(timeout) as client, client.stream("GET", "/events") as response:
                async for line in response.aiter_lines():
                    yield line
        except httpx.HTTPError:
            return

    async def close(self) -> None:
        """End a child process; one of the supervisor continues."""
        child = self._child
        if child is None or child.returncode is not None:
            return
        child.terminate()
        try:
            await asyncio.wait_for(child.wait(), STOP_SECONDS)
        except TimeoutError:
            child.kill()
            await child.wait()

    @property
    def log_path(self) -> Path:
        """Return the file for the output of the process."""
        if self._settings.supervisor_socket.exists():
            return self._settings.log_dir / f"{NAME}.log"
        return self._settings.state_folder / FOLDER / f"{NAME}.log"

    async def _start(self) -> None:
        log.info("the agents process starts")
        if self._settings.supervisor_socket.exists():
            await self._services.start_on_demand(NAME)
            return
        with await asyncio.to_thread(self.log_path.open, "ab") as output:
            self._child = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "backend.agents",
                cwd=PROJECT_ROOT,
                env=self._environment(),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=asyncio.subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C in a terminal reaches the control plane, which ends it
            )

    def _has_failed(self) -> bool:
        return self._child is not None and bool(self._child.returncode)

    def _environment(self) -> dict[str, str]:
        settings = self._settings
        return {
            **{name: value for name, value in os.environ.items() if name not in SECRETS},
            "WORKSPACE": str(settings.workspace),
            "STATE_DIR": str(settings.state_folder),
            "AGENTS_PORT": str(settings.agents_port),
            "AGENTS_IDLE_SECONDS": str(settings.agents_idle_seconds),
            "LOG_LEVEL": settings.log_level,
        }

    async def _post(self, path: str) -> None:
        try:
            async with self._client() as client:
                await client.post(path)
        except httpx.HTTPError as error:
            log.debug("the agents process does not answer", reason=str(error))

    def _client(self, timeout: httpx.Timeout | float = 3.0) -> httpx.AsyncClient:
        return httpx.AsyncClient(
            base_url=self._url,
            headers={"Authorization": f"Bearer {self.secret}"},
            timeout=timeout,
            verify=False,  # noqa: S501 - loopback, plain HTTP
            trust_env=False,
        )
