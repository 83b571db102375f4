"""Tells the worker which running jobs a user wants to stop. `Job.cancel_requested` says it after a restart."""

import asyncio
from collections import defaultdict


class Cancellations:
    def __init__(self) -> None:
        self._requests: defaultdict[str, asyncio.Event] = defaultdict(asyncio.Event)

    def __contains__(self, job_id: str) -> bool:
        return job_id in self._requests and self._requests[job_id].is_set()

    def request(self, job_id: str) -> None:
        self._requests[job_id].set()

    async def wait_for(self, job_id: str) -> None:
        """Return as soon as a user wants this job to stop."""
        await self._requests[job_id].wait()

    def forget(self, job_id: str) -> None:
        """Call it when the job has ended."""
        self._requests.pop(job_id, None)
