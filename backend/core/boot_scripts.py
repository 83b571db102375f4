"""Runs a program of `scripts/` as a process of its own: what it does may take minutes and much memory."""

import asyncio
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from backend.config.settings import PROJECT_ROOT

# Custom nodes and their install scripts must not see the pod's password, and have modules of their own.
HIDDEN_VARIABLES = frozenset({"ACCESS_PASSWORD", "PYTHONPATH"})
CHUNK = 4096
LONGEST_LINE = 500
STOP_SECONDS = 5.0


async def run_script(
    arguments: Sequence[str], *, workspace: Path, run_folder: Path, on_line: Callable[[str], None]
) -> int:
    """Return the exit code of `python -m ARGUMENTS`. `on_line` gets each line of its output. It ends with the caller."""
    environment = {name: value for name, value in os.environ.items() if name not in HIDDEN_VARIABLES}
    environment |= {"WORKSPACE": str(workspace), "RUN_DIR": str(run_folder), "PYTHONUNBUFFERED": "1"}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", *arguments),
        cwd=PROJECT_ROOT,
        env=environment,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    assert process.stdout  # noqa: S101
    try:
        await _copy(process.stdout, on_line)
        return await process.wait()
    finally:
        if process.returncode is None:
            await _stop(process)


async def _copy(stream: asyncio.StreamReader, on_line: Callable[[str], None]) -> None:
    """A line may be of any length; only its beginning is of interest."""
    rest = b""
    while chunk := await stream.read(CHUNK):
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            on_line(line[:LONGEST_LINE].decode(errors="replace").rstrip())
        rest = rest[:LONGEST_LINE]
    if rest:
        on_line(rest.decode(errors="replace").rstrip())


async def _stop(process: asyncio.subprocess.Process) -> None:
    process.terminate()
    try:
        async with asyncio.timeout(STOP_SECONDS):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()
