"""Runs rclone, one process for each copy.

A process and no daemon with an API: nothing runs while nothing is copied, a killed process leaves no state behind, and the
result of a run is its exit code, its log and the comparison of hashes that follows.
"""

import asyncio
import contextlib
import json
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from backend.core.errors import OutOfSpace, Unavailable, UpstreamError
from backend.sync.models import Remote
from backend.sync.rclone_log import Event, Failed, fatal_reason, parse, reason

# Ends with the control plane, even with a killed one; yields CPU and disk to ComfyUI.
LAUNCH = ("setpriv", "--pdeathsig", "TERM", "nice", "-n", "15", "ionice", "-c", "3", "rclone")
OPTIONS = (
    *("--config", "", "--use-json-log", "-v", "--stats", "1s", "--stats-log-level", "NOTICE"),
    *("--retries", "1", "--low-level-retries", "3", "--contimeout", "15s", "--timeout", "60s"),
    *("--transfers", "4", "--checkers", "4", "--s3-no-check-bucket"),
)
# Up to this number of files rclone requests each one; for more it lists the folder.
FEW_FILES = 500
LONGEST_LINE = 2**20
STOP_SECONDS = 5.0
DISK_FULL = ("no space left on device", "file too big for remaining disk space")
NOT_FOUND = 3  # rclone's exit code for a folder that does not exist
# Variables that rclone inherits. AWS_* is not among them: it could select another account.
PASSED_ON = {"PATH", "HOME", "TMPDIR", "SSL_CERT_FILE", "SSL_CERT_DIR"}
PASSED_ON |= {name for proxy in ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY") for name in (proxy, proxy.lower())}

OnEvent = Callable[[Event], Awaitable[None]]


class StorageFault(UpstreamError):
    """The storage refuses everything, or does not respond."""


class Rclone:
    """Copies files between folders of this pod and one remote."""

    def __init__(self, remote: Remote, *, limit: int = 0):
        """`limit` is in megabytes per second; 0 is no limit."""
        self._remote = remote
        self._limit = ("--bwlimit", f"{limit * 1000 * 1000 // 1024}Ki") if limit else ()

    async def upload(
        self, source: Path, folder: str, paths: list[str], replaced: str, on_event: OnEvent
    ) -> bool:
        """Copy files of `source`. Objects that would be overwritten move to the folder `replaced` first.

        Return False when some file failed. Raise StorageFault when every file would.
        """
        backup = ("--backup-dir", self._address(replaced))
        return await self._copy(str(source), self._address(folder), paths, on_event, *backup)

    async def download(self, folder: str, target: Path, paths: list[str], on_event: OnEvent) -> bool:
        """Copy files to `target`. Return False when some file failed; raise StorageFault when every file would."""
        return await self._copy(self._address(folder), str(target), paths, on_event)

    async def differing(self, source: Path, folder: str, paths: list[str]) -> set[str]:
        """Compare hashes with the storage; return the paths that are missing there or have other content."""
        arguments = ("check", str(source), self._address(folder), "--one-way", "--combined", "-")
        same = set()
        async with self._process(*arguments, "--files-from-raw", "-", lists=paths, output=True) as process:
            errors = asyncio.ensure_future(_read_errors(process))
            async for line in _stdout(process):
                sign, _, path = line.decode(errors="surrogateescape").rstrip("\n").partition(" ")
                if sign == "=":
                    same.add(path)
            _raise_fault(await errors)
            await process.wait()
        return set(paths) - same

    async def objects(self, folder: str) -> list[dict[str, Any]]:
        """Return `Path` and `Size` of the objects of a folder; empty when it does not exist."""
        arguments = ("lsjson", self._address(folder), "--recursive", "--files-only")
        async with self._process(*arguments, "--no-modtime", "--no-mimetype", output=True) as process:
            errors = asyncio.ensure_future(_read_errors(process))
            output = b"".join([line async for line in _stdout(process)])
            failures = await errors
            code = await process.wait()
        if code == NOT_FOUND:
            return []
        _raise_fault(failures)
        if code:
            raise StorageFault(reason(failures[0] if failures else ""))
        entries: list[dict[str, Any]] = await asyncio.to_thread(json.loads, output)
        return entries

    async def write(self, name: str, content: bytes) -> None:
        """Write a small object. Raise StorageFault when the storage does not accept it."""
        async with self._process("rcat", self._address(name), lists=[content.decode()]) as process:
            failures = await _read_errors(process)
            code = await process.wait()
        _raise_fault(failures)
        if code:
            raise StorageFault(reason(failures[0] if failures else ""))

    async def _copy(
        self, source: str, target: str, paths: list[str], on_event: OnEvent, *options: str
    ) -> bool:
        few = ("--no-traverse",) if len(paths) < FEW_FILES else ()
        arguments = ("copy", source, target, "--files-from-raw", "-", *few, *self._limit, *options)
        async with self._process(*arguments, lists=paths) as process:
            assert process.stderr is not None  # noqa: S101 - a pipe
            async for line in process.stderr:
                event = parse(line)
                if isinstance(event, Failed):
                    _raise_fault([event.message])
                if event:
                    await on_event(event)
            return await process.wait() == 0

    @asynccontextmanager
    async def _process(
        self, command: str, *arguments: str, lists: Iterable[str] = (), output: bool = False
    ) -> AsyncIterator[asyncio.subprocess.Process]:
        """Run rclone for the duration of the block. `lists` are the lines of its standard input."""
        process = await _start(command, *OPTIONS, *arguments, environment=self._environment(), output=output)
        feeding = asyncio.create_task(_feed(process, lists))
        try:
            yield process
        finally:
            feeding.cancel()
            await _end(process)

    def _address(self, *names: str) -> str:
        return f"storage:{self._remote.path_of(*names)}"

    def _environment(self) -> dict[str, str]:
        """Return the child's environment. Secrets are not in its arguments, which every process can read."""
        remote = self._remote
        options = {
            "TYPE": "s3",
            "PROVIDER": remote.provider,
            "ENDPOINT": remote.endpoint,
            "REGION": remote.region,
            "ACCESS_KEY_ID": remote.key_id,
            "SECRET_ACCESS_KEY": remote.secret,
        }
        inherited = {name: value for name, value in os.environ.items() if name in PASSED_ON}
        return inherited | {
            f"RCLONE_CONFIG_STORAGE_{name}": value for name, value in options.items() if value
        }


async def _start(*arguments: str, environment: dict[str, str], output: bool) -> asyncio.subprocess.Process:
    try:
        return await asyncio.create_subprocess_exec(
            *LAUNCH,
            *arguments,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE if output else asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
            env=environment,
            limit=LONGEST_LINE,
            start_new_session=True,
        )
    except OSError as error:
        raise Unavailable(f"rclone cannot be started: {error.strerror}.") from None


async def _feed(process: asyncio.subprocess.Process, lines: Iterable[str]) -> None:
    assert process.stdin is not None  # noqa: S101 - a pipe
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        for line in lines:
            process.stdin.write(line.encode(errors="surrogateescape") + b"\n")
            await process.stdin.drain()
    process.stdin.close()


async def _end(process: asyncio.subprocess.Process) -> None:
    """Kill a process that still runs; it does not finish the current file."""
    if process.returncode is not None:
        return
    for kind in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, kind)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(STOP_SECONDS):
                await _drained(process)
                return


async def _drained(process: asyncio.subprocess.Process) -> None:
    """Wait for the end, and read the pipes: a process blocks when its pipe is full."""
    for pipe in (process.stdout, process.stderr):
        if pipe:
            while await pipe.read(LONGEST_LINE):
                pass
    await process.wait()


async def _read_errors(process: asyncio.subprocess.Process) -> list[str]:
    assert process.stderr is not None  # noqa: S101 - a pipe
    messages = []
    async for line in process.stderr:
        event = parse(line)
        if isinstance(event, Failed):
            messages.append(event.message)
        elif not line.startswith(b"{"):  # written before the log begins
            messages.append(line.decode(errors="replace"))
    return messages


async def _stdout(process: asyncio.subprocess.Process) -> AsyncIterator[bytes]:
    assert process.stdout is not None  # noqa: S101 - a pipe
    async for line in process.stdout:
        yield line


def _raise_fault(messages: list[str]) -> None:
    if any(sign in message for message in messages for sign in DISK_FULL):
        raise OutOfSpace("The disk is full. Delete files, then try again.")
    fault = next(filter(None, map(fatal_reason, messages)), None)
    if fault:
        raise StorageFault(fault)
