"""Read the GPUs without waiting for a driver that hangs."""

import asyncio
import time
from concurrent.futures import Future
from threading import Thread

from backend.system.models import Gpu

# A driver responds in milliseconds; if it has to wake up first, the next call gets its values.
TIMEOUT_SECONDS = 1.0


class GpuWatch:
    """Runs at most one query at a time, on its own thread, so that a driver that hangs blocks only that thread."""

    def __init__(self) -> None:
        self._gpus: list[Gpu] = []
        self._query: asyncio.Future[list[Gpu]] | None = None
        self._query_started = 0.0

    async def read(self) -> tuple[list[Gpu], bool]:
        """Return every GPU and whether the values are current. The list is empty without a driver."""
        query = self._query = self._query or self._start_query()
        left = max(0.0, self._query_started + TIMEOUT_SECONDS - time.monotonic())
        await asyncio.wait([query], timeout=left)
        if not query.done():
            return self._gpus, False
        if self._query is query:
            self._query = None
        self._gpus = query.result()
        return self._gpus, True

    def _start_query(self) -> asyncio.Future[list[Gpu]]:
        result: Future[list[Gpu]] = Future()
        # A daemon, so that a thread that hangs in the driver does not block the control plane's exit.
        Thread(target=_set_result, args=(result,), name="nvml", daemon=True).start()
        self._query_started = time.monotonic()
        return asyncio.wrap_future(result)


def _set_result(result: Future[list[Gpu]]) -> None:
    from backend.system.gpu import read_gpus  # noqa: PLC0415 - NVML's bindings are slow to import

    try:
        result.set_result(read_gpus())
    except Exception as error:  # noqa: BLE001 - raised where the result is awaited
        result.set_exception(error)
