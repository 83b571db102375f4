"""Looks at the GPUs without ever waiting for a driver that hangs."""

import asyncio
import time
from concurrent.futures import Future
from threading import Thread

from backend.system.models import Gpu

# A driver that works answers in milliseconds; one that has to wake up first is seen by the next look.
PATIENCE_SECONDS = 1.0


class GpuWatch:
    """Has one question open at most, on a thread of its own, so that a driver that hangs costs that thread alone."""

    def __init__(self) -> None:
        self._seen: list[Gpu] = []
        self._question: asyncio.Future[list[Gpu]] | None = None
        self._asked_at = 0.0

    async def look(self) -> tuple[list[Gpu], bool]:
        """Every GPU as last seen, and whether that is now. Empty where there is no driver."""
        question = self._question = self._question or self._ask()
        left = max(0.0, self._asked_at + PATIENCE_SECONDS - time.monotonic())
        await asyncio.wait([question], timeout=left)
        if not question.done():
            return self._seen, False
        if self._question is question:
            self._question = None
        self._seen = question.result()
        return self._seen, True

    def _ask(self) -> asyncio.Future[list[Gpu]]:
        answer: Future[list[Gpu]] = Future()
        # A daemon: a thread that hangs in the driver must not keep the control plane from ending.
        Thread(target=_answer, args=(answer,), name="nvml", daemon=True).start()
        self._asked_at = time.monotonic()
        return asyncio.wrap_future(answer)


def _answer(answer: Future[list[Gpu]]) -> None:
    from backend.system.gpu import read_gpus  # noqa: PLC0415 - NVML's bindings are slow to import; the page need not wait

    try:
        answer.set_result(read_gpus())
    except Exception as error:  # noqa: BLE001 - for whoever asked
        answer.set_exception(error)
