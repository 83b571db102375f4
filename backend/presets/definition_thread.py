"""Read definitions on a thread of their own: a large one delays neither requests nor other work on disk."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

from backend.core.errors import Unavailable

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")

# Reading the largest definition takes about a second.
MAX_WAITING = 8


class DefinitionThread:
    """Runs one reading after the other, in the order in which they were asked for."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="definitions")
        self._waiting = 0

    async def run(
        self, read: Callable[Arguments, Result], *args: Arguments.args, **kwargs: Arguments.kwargs
    ) -> Result:
        """Return the result of `read`. Raise Unavailable when too many are waiting already."""
        if self._waiting >= MAX_WAITING:
            raise Unavailable("Too many presets are being read. Try again in a few seconds.", code="busy")
        self._waiting += 1
        try:
            work = self._thread.submit(read, *args, **kwargs)
            return await asyncio.wrap_future(work)
        finally:
            self._waiting -= 1

    def close(self) -> None:
        """Drop what has not begun."""
        self._thread.shutdown(wait=False, cancel_futures=True)
