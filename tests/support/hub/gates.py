"""Synchronisation between the thread of a test and the hub's event loop."""

import asyncio
import threading


class Latch:
    """Set once from any thread; awaited by any number of requests."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._set = False
        self._waiting: list[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = []

    def set(self) -> None:
        with self._lock:
            self._set = True
            waiting, self._waiting = self._waiting, []
        for loop, event in waiting:
            if not loop.is_closed():
                loop.call_soon_threadsafe(event.set)

    async def wait(self) -> None:
        event = asyncio.Event()
        with self._lock:
            if self._set:
                return
            self._waiting.append((asyncio.get_running_loop(), event))
        await event.wait()


class Gate:
    """Lets a number of bytes of one file pass, over all its connections together, then blocks until it is advanced.

    Requests for fewer than `ignore_below` bytes (a look at a header) pass freely and are not counted.
    """

    def __init__(self, after: int, ignore_below: int = 0) -> None:
        self.ignore_below = ignore_below
        self._left = after
        self._open = False
        self._lock = threading.Lock()
        self._changed = Latch()
        self._reached = threading.Event()

    async def admit(self, wanted: int) -> int:
        """Return how many of the `wanted` bytes may pass now, at least one. Wait while none may."""
        while True:
            with self._lock:
                if self._open:
                    return wanted
                granted = min(wanted, self._left)
                self._left -= granted
                if granted:
                    return granted
                changed = self._changed
                self._reached.set()
            await changed.wait()

    def wait_until_reached(self, timeout: float = 30) -> None:
        """Block until all the bytes that may pass have passed and a request wants more."""
        if not self._reached.wait(timeout):
            raise TimeoutError(
                f"no request came to the gate within {timeout} s; {self._left} bytes were left"
            )

    def advance(self, more: int) -> None:
        self._let(more, self._open)

    def release(self) -> None:
        self._let(0, True)

    def _let(self, more: int, to_open: bool) -> None:
        with self._lock:
            self._left += more
            self._open = to_open
            self._reached.clear()
            changed, self._changed = self._changed, Latch()
        changed.set()
