"""Tools for asyncio tasks: run to completion, cancel, share one result, lock by key."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Hashable
from typing import Any, Generic, TypeVar
from weakref import WeakValueDictionary

Result = TypeVar("Result")
Key = TypeVar("Key", bound=Hashable)


async def run_to_completion(work: Coroutine[Any, Any, Result]) -> Result:
    """Await `work` even when cancelled meanwhile, and raise the cancellation only afterwards.

    `asyncio.shield` alone returns at once, while the work is still running.
    """
    task = asyncio.ensure_future(work)
    cancelled = False
    while not task.done():
        try:
            await asyncio.wait([task])
        except asyncio.CancelledError:
            cancelled = True
    if cancelled and not task.exception():
        raise asyncio.CancelledError
    return task.result()


async def cancel_and_wait(*tasks: asyncio.Task[Any]) -> None:
    """Cancel `tasks` and wait until all have ended. Exceptions of the tasks are ignored."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


class SingleFlight(Generic[Key, Result]):
    """Run one operation at a time for each key; callers that arrive meanwhile share its result.

    Cancelling one caller does not cancel the operation, because others may wait for it.
    """

    def __init__(self) -> None:
        self._tasks: dict[Key, asyncio.Task[Result]] = {}

    def __contains__(self, key: Key) -> bool:
        return key in self._tasks

    async def run(self, key: Key, work: Callable[[], Awaitable[Result]]) -> Result:
        task = self._tasks.get(key)
        if task is None:
            task = self._tasks[key] = asyncio.create_task(_awaited(work))
            task.add_done_callback(lambda _: self._tasks.pop(key, None))
        return await asyncio.shield(task)

    async def close(self) -> None:
        """Cancel all operations that are running."""
        await cancel_and_wait(*self._tasks.values())


async def _awaited(work: Callable[[], Awaitable[Result]]) -> Result:
    return await work()


class KeyedLocks:
    """Provide one lock for each name. A lock exists only while a task holds it or waits for it."""

    def __init__(self) -> None:
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    def __getitem__(self, name: str) -> asyncio.Lock:
        return self._locks.setdefault(name, asyncio.Lock())
