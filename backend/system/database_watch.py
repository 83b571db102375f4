"""Notices when the database cannot be written, and has it created again when it was deleted."""

import asyncio
import time

from backend.core.async_tools import SingleFlight
from backend.core.database import Database
from backend.system.models import Problem

CHECK_SECONDS = 30.0
# Readiness is asked for without a sign-in; a check writes to the disk.
FRESH_SECONDS = 2.0


class DatabaseWatch:
    """Checks the database twice a minute, and whenever readiness is asked for."""

    def __init__(self, database: Database):
        self._database = database
        self._checks: SingleFlight[None, None] = SingleFlight()
        self._checked = float("-inf")
        # As of the last check.
        self.problems: list[Problem] = []

    async def run(self) -> None:
        """Runs until cancelled."""
        while True:
            await asyncio.sleep(CHECK_SECONDS)
            await self._checks.run(None, self._check)

    async def check(self) -> list[Problem]:
        """Return what keeps the database from being written, at most two seconds old."""
        if time.monotonic() - self._checked > FRESH_SECONDS:
            await self._checks.run(None, self._check)
        return self.problems

    async def _check(self) -> None:
        message = await self._database.problem()
        remedy = "Check the volume: its space, its rights, and whether another program uses the file."
        self.problems = [Problem(code="database", message=message, remedy=remedy)] if message else []
        self._checked = time.monotonic()
