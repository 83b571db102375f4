"""When transfers may start: after the queue of the last run has been put in order, and not before they are allowed to."""

import asyncio


class TransferStart:
    """A control plane that runs for one command holds transfers back until the command has asked for its own."""

    def __init__(self, *, held: bool = False) -> None:
        self._allowed = asyncio.Event()
        self.recovered = asyncio.Event()
        if not held:
            self._allowed.set()

    def allow(self) -> None:
        self._allowed.set()

    async def wait(self) -> None:
        await self._allowed.wait()
