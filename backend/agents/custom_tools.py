"""The user's own tools: functions in `$WORKSPACE/tools/*.py`. They run in processes of their own, with a time limit."""

import asyncio
import contextlib
import json
import os
import re
import signal
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import structlog

from backend.agents.errors import ToolFailure
from backend.agents.tools import ToolInfo
from backend.config.settings import PROJECT_ROOT

log = structlog.get_logger(__name__)

CALL_SECONDS = 120.0
DESCRIBE_SECONDS = 20.0
MOST_FILES = 100
MOST_OUTPUT = 1_000_000
MOST_CHARACTERS = 60_000
# The variables that a tool gets: no settings and no secrets of the control plane.
PASSED_ON = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR", "WORKSPACE", "LD_LIBRARY_PATH")
USABLE_NAME = re.compile(r"^[A-Za-z][A-Za-z0-9_]{0,63}$")


@dataclass(kw_only=True)
class _File:
    """The tools of a file, or the reason why it has none."""

    stamp: tuple[int, int]
    tools: list[ToolInfo] = field(default_factory=list)
    problem: str = ""


class CustomTools:
    """The tools of one folder. A file is described again when it has changed."""

    def __init__(self, folder: Path):
        self._folder = folder
        self._files: dict[Path, _File] = {}

    async def load(self) -> None:
        """Read the folder, and describe new and changed files."""
        found = await asyncio.to_thread(_stamps, self._folder)
        known = {path: file for path, file in self._files.items() if found.get(path) == file.stamp}
        for path, stamp in found.items():
            if path not in known:
                known[path] = await self._described(path, stamp)
        self._files = known

    @property
    def tools(self) -> dict[str, tuple[ToolInfo, Path]]:
        """Return each tool with its file. Of two tools with the same name, the first is used."""
        found: dict[str, tuple[ToolInfo, Path]] = {}
        for path in sorted(self._files):
            for tool in self._files[path].tools:
                found.setdefault(tool.name, (tool, path))
        return found

    @property
    def problems(self) -> list[str]:
        return [f"tools/{path.name}: {file.problem}" for path, file in self._files.items() if file.problem]

    async def call(self, name: str, arguments: dict[str, Any]) -> str:
        """Call a tool. Raise ToolFailure when it raises, ends or takes too long."""
        _, path = self.tools[name]
        result = await _run(path, name, json.dumps(arguments), CALL_SECONDS)
        text = json.dumps(result["result"], ensure_ascii=False)
        return text if len(text) <= MOST_CHARACTERS else f"{text[:MOST_CHARACTERS]}\n[cut]"

    async def _described(self, path: Path, stamp: tuple[int, int]) -> _File:
        try:
            described = await _run(path, None, "", DESCRIBE_SECONDS)
        except ToolFailure as failure:
            log.warning("a file of tools cannot be used", file=path.name, reason=str(failure))
            return _File(stamp=stamp, problem=str(failure))
        tools = [_info(entry) for entry in described["tools"] if USABLE_NAME.match(entry["name"])]
        return _File(stamp=stamp, tools=tools)


def _info(entry: dict[str, Any]) -> ToolInfo:
    title = str(entry["name"]).replace("_", " ").capitalize()
    return ToolInfo(name=entry["name"], title=title, description=entry["description"], schema=entry["schema"])


def _stamps(folder: Path) -> dict[Path, tuple[int, int]]:
    found: dict[Path, tuple[int, int]] = {}
    for path in sorted(folder.glob("*.py"))[:MOST_FILES]:
        with contextlib.suppress(OSError):
            if path.is_file() and not path.name.startswith(("_", ".")):
                status = path.stat()
                found[path] = (status.st_mtime_ns, status.st_size)
    return found


async def _run(path: Path, name: str | None, stdin: str, seconds: float) -> dict[str, Any]:
    """Run the tool host and return its output. Raise ToolFailure."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "backend.agents.tool_host",
        str(path),
        *([name] if name else []),
        cwd=path.parent,
        env={
            **{key: os.environ[key] for key in PASSED_ON if key in os.environ},
            "PYTHONPATH": str(PROJECT_ROOT),
        },
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        async with asyncio.timeout(seconds):
            output, _ = await process.communicate(stdin.encode())
    except TimeoutError:
        raise ToolFailure(f"It took longer than {seconds:.0f} seconds and was ended.") from None
    finally:
        _end(process)
        await process.wait()
    return _answer(output, process.returncode)


def _end(process: asyncio.subprocess.Process) -> None:
    """Kill the process and everything that it started, even if it has ended itself."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)


def _answer(output: bytes, code: int | None) -> dict[str, Any]:
    if len(output) > MOST_OUTPUT:
        raise ToolFailure(f"It returned {len(output)} bytes; the most are {MOST_OUTPUT}.")
    try:
        answer: dict[str, Any] = json.loads(output)
    except ValueError:
        raise ToolFailure(f"It ended with exit code {code} and returned nothing.") from None
    if "error" in answer:
        raise ToolFailure(str(answer["error"])[:2000])
    return answer
