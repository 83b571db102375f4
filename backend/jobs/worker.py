"""Keeps one ComfyUI busy: one prompt runs there, and the next one waits behind it.

What is in doubt after a crash is looked up, never guessed.
"""

import asyncio
import contextlib

from backend.comfy.client import ComfyClient
from backend.comfy.errors import ComfyError
from backend.core.database import until_recorded
from backend.jobs.execution import Execution, Tools
from backend.jobs.lease_renewal import lease_expiry
from backend.jobs.lifecycle import Lifecycle
from backend.jobs.live import Live
from backend.jobs.models import Attempt, Job, new_id
from backend.jobs.results import Results
from backend.jobs.service import Jobs

# How often to look whether ComfyUI is free, and whether the prefetched job may still run.
LOOK_SECONDS = 2.0
# How often to look for expired leases and the end of quiet hours while nothing else happens.
IDLE_SECONDS = 30.0
# Jobs whose outputs are collected while others run. A slow disk makes ComfyUI wait instead of filling the memory.
MOST_COLLECTING = 4


class Worker:
    """Owns its attempts by leases, so that another worker takes over when this one is gone.

    A job is prefetched, that is, its prompt is submitted while another one runs, so that ComfyUI never waits for this
    process. It stays queued until ComfyUI begins, and is taken back when another job comes first.
    """

    def __init__(self, jobs: Jobs, lifecycle: Lifecycle, comfy: ComfyClient, results: Results, live: Live):
        self._jobs = jobs
        self._lifecycle = lifecycle
        self._comfy = comfy
        self._results = results
        self._tools = Tools(jobs=jobs, lifecycle=lifecycle, comfy=comfy, results=results, live=live)
        self._id = new_id()
        self._executions: set[Execution] = set()

    async def run(self) -> None:
        """Run jobs until cancelled. Prompts under way go on at ComfyUI, and are found again by the next worker."""
        await self._discard_leftovers()
        work = self._lifecycle.work_available
        async with asyncio.TaskGroup() as tasks:
            while True:
                work.clear()
                started = await self._next()
                if started:
                    tasks.create_task(self._execute(started))
                    continue
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(await self._pause()):
                        await work.wait()

    async def _discard_leftovers(self) -> None:
        """Delete the staged outputs of ended attempts, which a killed process did not delete."""
        staged = await self._results.staged()
        await self._results.discard(*await self._lifecycle.ended_attempts(staged))

    async def _execute(self, execution: Execution) -> None:
        try:
            await execution.run()
        finally:
            self._executions.discard(execution)
            self._lifecycle.work_available.set()

    async def _pause(self) -> float:
        """Return how long to wait for an event. ComfyUI sends none when it is free, so it is looked at while a job waits."""
        at_comfyui = self._at_comfyui()
        if any(not execution.has_begun for execution in at_comfyui):
            return LOOK_SECONDS
        if not at_comfyui and await self._jobs.next_up():
            return LOOK_SECONDS
        due = self._lifecycle.seconds_until_due()
        return IDLE_SECONDS if due is None else min(due, IDLE_SECONDS)

    async def _next(self) -> Execution | None:
        """Return an attempt to run: one whose worker is gone, or that of the next job."""
        await until_recorded(self._lifecycle.release_waiting)
        orphan = await until_recorded(lambda: self._lifecycle.take_over(self._id, lease_expiry()))
        claimed = orphan or await self._claim()
        if claimed is None:
            return None
        wake = self._lifecycle.work_available.set
        execution = Execution(self._tools, *claimed, wake, is_new=orphan is None)
        self._executions.add(execution)
        return execution

    def _at_comfyui(self) -> list[Execution]:
        return [execution for execution in self._executions if execution.is_at_comfyui]

    async def _claim(self) -> tuple[Job, Attempt] | None:
        """Claim the next job if ComfyUI is free, or if its prompt may wait behind the one that runs."""
        at_comfyui = self._at_comfyui()
        waiting = [execution for execution in at_comfyui if not execution.has_begun]
        for execution in waiting:
            await self._check(execution)
        if waiting or len(at_comfyui) > 1 or len(self._executions) > MOST_COLLECTING:
            return None
        job = await self._jobs.next_up()
        if job is None:
            return None
        running = at_comfyui[0] if at_comfyui else None
        if running is None:
            return await self._start()
        return await self._prefetch(job, running)

    async def _check(self, execution: Execution) -> None:
        """Take a prompt back that has not begun, unless its job still is the next one."""
        first = await self._jobs.next_up()
        if first and first.attempt_id == execution.attempt.id:
            return
        job = await self._jobs.get(execution.job.id)
        if job.attempt_id == execution.attempt.id:
            execution.recall()
        else:
            execution.discard()

    async def _start(self) -> tuple[Job, Attempt] | None:
        if not await self._comfyui_is_free():
            return None
        process_id = await self._process_id()
        return await until_recorded(lambda: self._jobs.claim(self._id, lease_expiry(), new_id(), process_id))

    async def _prefetch(self, job: Job, running: Execution) -> tuple[Job, Attempt] | None:
        """Claim the job behind `running`. One during which ComfyUI has died runs alone, so that no other is blamed for it."""
        if job.crashes or running.job.crashes:
            return None
        process_id = running.attempt.process_id
        return await until_recorded(
            lambda: self._jobs.claim(self._id, lease_expiry(), new_id(), process_id, prefetch=True)
        )

    async def _process_id(self) -> str | None:
        """Return the id of the ComfyUI process, which tells later whether a lost prompt was lost in a restart."""
        try:
            return await self._comfy.process.current()
        except ComfyError:
            return None

    async def _comfyui_is_free(self) -> bool:
        """Prompts that users queue in ComfyUI's own page go first, unless the settings say otherwise."""
        try:
            remaining = await self._comfy.prompts.remaining()
        except ComfyError:
            return False
        return remaining == 0 or not self._jobs.policy.current.comfyui_first
