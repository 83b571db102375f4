"""Detect a database that cannot be written, and recreate one that was deleted."""

import asyncio
import time

from backend.core.async_tools import SingleFlight
from backend.core.database import Database
from backend.system.models import Problem

CHECK_SECONDS = 30.0
# `/readyz` needs no sign-in and a check writes to the disk, so recent results are reused.
FRESH_SECONDS = 2.0


class DatabaseWatch:
    """Checks the database twice a minute, and on each request for readiness."""

    def __init__(self, database: Database):
        self._database = database
        self._checks: SingleFlight[None, None] = SingleFlight()
        self._checked = float("-inf")
        # Found by the last check.
        self.problems: list[Problem] = []

    async def run(self) -> None:
        """Check the database at intervals until cancelled."""
        while True:
            await asyncio.sleep(CHECK_SECONDS)
            await self._checks.run(None, self._check)

    async def check(self) -> list[Problem]:
        """Return why the database cannot be written. The result is at most two seconds old."""
        if time.monotonic() - self._checked > FRESH_SECONDS:
            await self._checks.run(None, self._check)
        return self.problems

    async def _check(self) -> None:
        message = await self._database.problem()
        remedy = (
            "Check the free space and permissions of the volume, and whether another program uses the file."
        )
        self.problems = [Problem(code="database", message=message, remedy=remedy)] if message else []
        self._checked = time.monotonic()
