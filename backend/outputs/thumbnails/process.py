"""Processes that render thumbnails: started on demand, at most two at once, stopped when idle."""

import asyncio
import contextlib
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog

from backend.core.async_tools import SingleFlight

log = structlog.get_logger(__name__)

PROGRAM = Path(__file__).with_name("render.py")
# The copy of ComfyUI's interpreter in the image, which a mounted volume does not cover.
IMAGE_PYTHON = Path("/opt/spare/venv/bin/python")
# Without the variables of the control plane, which contain tokens.
ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"}
MAX_PROCESSES = 2
IDLE_SECONDS = 20.0
START_SECONDS = 30.0
FILE_SECONDS = 30.0
# Between two searches for an interpreter with Pillow: ComfyUI's packages may still be being installed.
SEARCH_SECONDS = 60.0
MAX_THUMBNAIL_BYTES = 4 * 2**20


class CannotRender(Exception):
    """The file is damaged, hostile or of an unknown kind."""


class TryLater(Exception):
    """No interpreter can read files of this kind yet, or the disk was too slow. Another attempt may succeed."""


@dataclass(frozen=True)
class Interpreter:
    path: Path
    # Whether it has PyAV besides Pillow.
    videos: bool


def candidates(workspace: Path) -> tuple[Path, ...]:
    """Return the interpreters that may have Pillow, ComfyUI's first."""
    return workspace / "venv/bin/python", IMAGE_PYTHON, Path(sys.executable)


class _Process:
    """One process. It renders one file at a time."""

    def __init__(self, process: asyncio.subprocess.Process):
        self._process = process
        # Whether its interpreter has PyAV besides Pillow.
        self.videos = False

    @classmethod
    async def start(cls, interpreter: Path) -> "_Process":
        """Raise TryLater when the interpreter does not exist or has no Pillow."""
        try:
            process = await asyncio.create_subprocess_exec(
                str(interpreter),
                "-I",
                str(PROGRAM),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
                env=ENVIRONMENT,
                limit=MAX_THUMBNAIL_BYTES,
            )
        except OSError as error:
            raise TryLater(str(error)) from error
        started = cls(process)
        try:
            async with asyncio.timeout(START_SECONDS):
                started.videos = bool((await started._answer()).get("videos"))
        except BaseException as error:
            await started.stop()
            if isinstance(error, CannotRender | TimeoutError):
                raise TryLater(f"{interpreter} has no Pillow") from error
            raise
        return started

    async def render(self, path: Path, kind: str) -> bytes:
        """Return a WebP picture. When it raises CannotRender or TryLater, the process has ended."""
        assert self._process.stdin is not None  # noqa: S101 - a pipe
        assert self._process.stdout is not None  # noqa: S101 - a pipe
        try:
            async with asyncio.timeout(FILE_SECONDS):
                self._process.stdin.write(json.dumps({"path": str(path), "kind": kind}).encode() + b"\n")
                await self._process.stdin.drain()
                answer = await self._answer()
                return await self._process.stdout.readexactly(min(int(answer["bytes"]), MAX_THUMBNAIL_BYTES))
        except BaseException as error:  # the rest of its output must not be read as the next picture
            await self.stop()
            if isinstance(error, TimeoutError):
                raise TryLater("rendering took too long") from None
            if isinstance(error, OSError | EOFError):
                raise CannotRender("the process has ended") from error
            raise

    @property
    def is_alive(self) -> bool:
        return self._process.returncode is None

    async def stop(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
        await self._process.wait()

    async def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None  # noqa: S101 - a pipe
        line = await self._process.stdout.readline()
        if not line.endswith(b"\n"):
            raise CannotRender("the process has ended")
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise CannotRender(str(answer["error"]))
        return answer


class Renderers:
    """Up to two processes. Further files wait."""

    def __init__(self, interpreters: Sequence[Path]):
        self._candidates = interpreters
        self._found: Interpreter | None = None
        self._search_at = 0.0
        self._searching: SingleFlight[None, Interpreter | None] = SingleFlight()
        self._slots = asyncio.Semaphore(MAX_PROCESSES)
        self._idle: list[_Process] = []
        self._stopping: asyncio.TimerHandle | None = None
        self._stops: set[asyncio.Task[None]] = set()

    async def render(self, path: Path, kind: str) -> bytes:
        """Return a WebP picture of a picture or a video. Raise TryLater or CannotRender."""
        interpreter = await self._interpreter()
        if interpreter is None or (kind == "video" and not interpreter.videos):
            raise TryLater("no interpreter of this pod can read this kind of file")
        async with self._slots:
            process = self._idle.pop() if self._idle else await self._start(interpreter)
            try:
                return await process.render(path, kind)
            finally:
                if process.is_alive:
                    self._idle.append(process)
                self._stop_later()

    async def close(self) -> None:
        """Stop all processes."""
        if self._stopping:
            self._stopping.cancel()
        await self._searching.close()
        await self._stop_idle()
        await asyncio.gather(*self._stops)

    async def _start(self, interpreter: Interpreter) -> _Process:
        try:
            return await _Process.start(interpreter.path)
        except TryLater:  # it was replaced or removed
            self._found = None
            raise

    async def _interpreter(self) -> Interpreter | None:
        if self._found is None and time.monotonic() >= self._search_at:
            self._found = await self._searching.run(None, self._search)
            self._search_at = time.monotonic() + SEARCH_SECONDS
        return self._found

    async def _search(self) -> Interpreter | None:
        """Return the first interpreter that reads videos, else the first with Pillow."""
        found = None
        for path in self._candidates:
            with contextlib.suppress(TryLater):
                process = await _Process.start(path)
                await process.stop()
                if process.videos:
                    return Interpreter(path, videos=True)
                found = found or Interpreter(path, videos=False)
        if found is None:
            log.info("no interpreter has Pillow, so outputs have no thumbnails")
        return found

    def _stop_later(self) -> None:
        if self._stopping:
            self._stopping.cancel()
        self._stopping = asyncio.get_running_loop().call_later(IDLE_SECONDS, self._begin_to_stop)

    def _begin_to_stop(self) -> None:
        task = asyncio.create_task(self._stop_idle())
        self._stops.add(task)
        task.add_done_callback(self._stops.discard)

    async def _stop_idle(self) -> None:
        while self._idle:
            await self._idle.pop().stop()
