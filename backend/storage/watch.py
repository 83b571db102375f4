"""What inotify reports about folders, through watchfiles."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import structlog

log = structlog.get_logger(__name__)

# Reports are collected for so long; the thread looks for them so often.
DEBOUNCE_MS = 400
STEP_MS = 200
# After so long without a change there is an empty report.
TIMEOUT_MS = 2000

# The first report comes once the folders are watched, whatever happened. None: there will be no more.
Reports = asyncio.Queue[set[str] | None]


@asynccontextmanager
async def watching(folders: tuple[Path, ...]) -> AsyncIterator[Reports]:
    """Watch folders and everything below them. The queue gets the paths that were created, changed or deleted."""
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
    """Setting up takes a call for each folder, and the import a tenth of a second: both belong in a thread."""
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
        # No more watches for this user, or a file system without inotify: scans find what happens.
        log.info("model folders are scanned instead of watched", reason=str(error))
    report(None)
