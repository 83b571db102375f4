"""Watch folders with inotify, through watchfiles."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import structlog

log = structlog.get_logger(__name__)

# How long changes are collected into one report, and how often the thread polls for them.
DEBOUNCE_MS = 400
STEP_MS = 200
# An empty report is sent after this time without a change.
TIMEOUT_MS = 2000

# The first report arrives once the folders are watched, even without changes. None means watching has ended.
Reports = asyncio.Queue[set[str] | None]


@asynccontextmanager
async def watching(folders: tuple[Path, ...]) -> AsyncIterator[Reports]:
    """Watch folders recursively. The queue receives the paths that were created, changed or deleted."""
    reports, stop, loop = Reports(), threading.Event(), asyncio.get_running_loop()

    def report(paths: set[str] | None) -> None:
        with suppress(RuntimeError):  # the loop has ended
            loop.call_soon_threadsafe(reports.put_nowait, paths)

    thread = threading.Thread(target=_watch, args=(folders, stop, report), name="watch", daemon=True)
    thread.start()
    try:
        yield reports
    finally:
        stop.set()


def _watch(
    folders: tuple[Path, ...], stop: threading.Event, report: Callable[[set[str] | None], None]
) -> None:
    """Watch until stopped. Runs in a thread, because the import and the setup of thousands of watches take time."""
    from watchfiles import watch  # noqa: PLC0415

    try:
        for changes in watch(
            *folders,
            watch_filter=None,
            debounce=DEBOUNCE_MS,
            step=STEP_MS,
            stop_event=stop,
            rust_timeout=TIMEOUT_MS,
            yield_on_timeout=True,
            raise_interrupt=False,
            ignore_permission_denied=True,
        ):
            report({path for _, path in changes})
    except (OSError, RuntimeError) as error:
        # Too many watches, or a file system without inotify: scans find the changes instead.
        log.info("folders are scanned instead of watched", reason=str(error))
    report(None)
