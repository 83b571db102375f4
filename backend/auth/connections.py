"""The open WebSockets, grouped by the session or API key that opened them."""

import asyncio
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager


class Connections:
    """Closes the WebSockets of a session or API key when it ends."""

    def __init__(self) -> None:
        self._timeouts: defaultdict[str, set[asyncio.Timeout]] = defaultdict(set)

    @contextmanager
    def registered(self, credential_id: str, timeout: asyncio.Timeout) -> Iterator[None]:
        """While the block runs, `close(credential_id)` makes `timeout` expire."""
        self._timeouts[credential_id].add(timeout)
        try:
            yield
        finally:
            self._timeouts[credential_id].discard(timeout)
            if not self._timeouts[credential_id]:
                del self._timeouts[credential_id]

    def close(self, credential_id: str) -> None:
        now = asyncio.get_running_loop().time()
        for timeout in self._timeouts.get(credential_id, ()):
            timeout.reschedule(now)
