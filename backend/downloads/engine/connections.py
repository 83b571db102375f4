"""Shares the connections of the control plane between running downloads."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager


class ConnectionPool:
    """Gives every running download one connection, and the rest to the downloads that started first."""

    def __init__(self, total: int):
        self.total = total
        self._shares: list[ConnectionShare] = []
        self._changed = asyncio.Event()

    @contextmanager
    def share(self) -> Iterator["ConnectionShare"]:
        """Return one download's share of the connections, for as long as it runs."""
        share = ConnectionShare(self)
        self._shares.append(share)
        try:
            yield share
        finally:
            self._shares.remove(share)
            self.notify()

    @property
    def open(self) -> int:
        return sum(share.open for share in self._shares)

    def allowed(self, share: "ConnectionShare") -> int:
        """Return how many connections `share` may have open."""
        spare = max(0, self.total - len(self._shares))
        for earlier in self._shares:
            extra = min(earlier.wanted - 1, spare)
            if earlier is share:
                return 1 + extra
            spare -= extra
        return 0

    def notify(self) -> None:
        """Wake everything that waits for a connection."""
        self._changed.set()
        self._changed = asyncio.Event()

    async def wait_for_change(self) -> None:
        await self._changed.wait()


class ConnectionShare:
    """The connections of one download."""

    def __init__(self, pool: ConnectionPool):
        self._pool = pool
        self.open = 0
        # How many connections the download has work for.
        self.wanted = 1

    @property
    def is_exceeded(self) -> bool:
        return self.open > self._pool.allowed(self)

    @asynccontextmanager
    async def connection(self) -> AsyncIterator["Connection"]:
        """Wait until another connection may be opened, and count it while the block runs."""
        while self.open >= self._pool.allowed(self) or self._pool.open >= self._pool.total:
            await self._pool.wait_for_change()
        self.open += 1
        connection = Connection(self)
        try:
            yield connection
        finally:
            connection.release()

    def close_one(self) -> None:
        self.open -= 1
        self._pool.notify()


class Connection:
    """One open connection."""

    def __init__(self, share: ConnectionShare):
        self._share = share
        self._is_open = True

    def must_close(self) -> bool:
        """Return whether another download needs this connection. It counts as closed from then on."""
        if self._share.is_exceeded:
            self.release()
        return not self._is_open

    def release(self) -> None:
        if self._is_open:
            self._is_open = False
            self._share.close_one()
