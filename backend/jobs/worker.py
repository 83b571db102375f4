"""Runs jobs at one ComfyUI, one after the other. What is in doubt after a crash is looked up, never guessed."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime

import structlog

from backend.comfy.client import ComfyClient
from backend.comfy.errors import ComfyError, InvalidResponse, PromptRejected, Rejected, Unreachable
from backend.comfy.follow import ContactLost, Update
from backend.comfy.outcomes import Cancelled, Failed, Lost, Outcome, Succeeded
from backend.core import clock
from backend.core.async_tools import cancel_and_wait
from backend.core.database import until_recorded
from backend.core.errors import AppError, OutOfSpace
from backend.jobs.errors import error_of_connection, error_of_execution, error_of_rejection
from backend.jobs.lifecycle import Lifecycle
from backend.jobs.live import Live
from backend.jobs.models import Attempt, ErrorKind, Job, JobError, Output, new_id
from backend.jobs.models_needed import MISSING
from backend.jobs.provenance import Finished
from backend.jobs.results import Results
from backend.jobs.service import Jobs
from backend.jobs.values import with_values

log = structlog.get_logger(__name__)

LEASE_SECONDS = 60.0
RENEW_SECONDS = 20.0
# How often to look for ComfyUI while a job is queued.
LOOK_SECONDS = 2.0
# How often to look for expired leases and the end of quiet hours while nothing else happens.
IDLE_SECONDS = 30.0


class Worker:
    """Owns its attempts by a lease, so that another worker takes over when this one is gone."""

    def __init__(self, jobs: Jobs, lifecycle: Lifecycle, comfy: ComfyClient, results: Results, live: Live):
        self._jobs = jobs
        self._lifecycle = lifecycle
        self._comfy = comfy
        self._results = results
        self._live = live
        self._id = new_id()

    async def run(self) -> None:
        """Run jobs until cancelled. Prompts under way go on at ComfyUI, and are found again by the next worker."""
        await self._discard_leftovers()
        work = self._lifecycle.work_available
        while True:
            work.clear()
            if not await self._run_one():
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(await self._pause()):
                        await work.wait()

    async def _pause(self) -> float:
        """Return how long to wait for an event. ComfyUI sends none when it is free, so it is looked at while a job waits."""
        if await self._jobs.can_start():
            return LOOK_SECONDS
        due = self._lifecycle.seconds_until_due()
        return IDLE_SECONDS if due is None else min(due, IDLE_SECONDS)

    async def _discard_leftovers(self) -> None:
        """Delete what processes that were killed have left of attempts that have ended."""
        staged = await self._results.staged()
        await self._results.discard(*await self._lifecycle.ended_attempts(staged))

    async def _run_one(self) -> bool:
        """Return whether there was a job to run."""
        await until_recorded(self._lifecycle.release_waiting)
        orphan = await self._take_over()
        if orphan:
            await self._resume(*orphan)
            return True
        if not (await self._jobs.can_start() and await self._comfyui_is_free()):
            return False
        process_id = await self._process_id()
        claimed = await until_recorded(lambda: self._claim(process_id))
        if claimed is None:
            return False
        await self._finish(*claimed)
        return True

    async def _claim(self, process_id: str | None) -> tuple[Job, Attempt] | None:
        return await self._jobs.claim(self._id, _lease(), self._comfy.prompts.new_id(), process_id)

    async def _process_id(self) -> str | None:
        """Return the id of the ComfyUI process, which tells later whether a lost prompt was lost in a restart."""
        try:
            return await self._comfy.process.current()
        except ComfyError:
            return None

    async def _take_over(self) -> tuple[Job, Attempt] | None:
        """Return an attempt whose worker is gone, now owned by this one."""
        return await until_recorded(lambda: self._lifecycle.take_over(self._id, _lease()))

    async def _comfyui_is_free(self) -> bool:
        """Prompts that users queue in ComfyUI's own page go first, unless the settings say otherwise."""
        try:
            remaining = await self._comfy.prompts.remaining()
        except ComfyError:
            return False
        return remaining == 0 or not self._jobs.policy.current.comfyui_first

    async def _resume(self, job: Job, attempt: Attempt) -> None:
        """End an attempt of a worker that is gone. It may have had all outputs already, or a user wants it to stop."""
        outputs = await self._outputs_of_before(attempt)
        if outputs is not None:
            await until_recorded(lambda: self._lifecycle.succeed(job.id, attempt, outputs))
            await self._results.discard(attempt.id)
            return
        if job.cancel_requested:
            self._jobs.cancellations.request(job.id)
        await self._finish(job, attempt)

    async def _outputs_of_before(self, attempt: Attempt) -> tuple[Output, ...] | None:
        try:
            return await self._results.resume(attempt.id)
        except OutOfSpace:  # reported when they are collected
            return None

    async def _finish(self, job: Job, attempt: Attempt) -> None:
        """See an attempt through to its end, whatever happens at ComfyUI."""
        with structlog.contextvars.bound_contextvars(job=job.id, prompt_id=attempt.id):
            async with self._leased(attempt), self._comfy.events.opened():
                try:
                    await self._attempt(job, attempt)
                except PromptRejected as error:
                    prompt = (await self._jobs.prompt(job)).prompt
                    await self._fail(job, attempt, error_of_rejection(error, prompt))
                except Rejected as error:
                    await self._fail(job, attempt, JobError(kind=ErrorKind.INVALID, message=error.message))
                except (Unreachable, InvalidResponse) as error:
                    await self._fail(job, attempt, error_of_connection(error))
                except OutOfSpace as error:
                    await self._fail(job, attempt, JobError(kind=ErrorKind.STORAGE, message=error.message))
                except AppError as error:
                    await self._fail(job, attempt, JobError(kind=ErrorKind.INVALID, message=error.message))
                await self._results.discard(attempt.id)

    async def _attempt(self, job: Job, attempt: Attempt) -> None:
        content = await self._jobs.prompt(job)
        prompt = with_values(content.prompt, {**job.values, **attempt.values})
        await self._submit(job, attempt, prompt, content.workflow)
        outcome = await self._outcome(job, attempt)
        match outcome:
            case Succeeded(record=record):
                finished = Finished(
                    job=job, attempt=attempt, prompt=content.prompt, workflow=content.workflow, record=record
                )
                outputs = await self._results.collect(finished)
                await until_recorded(lambda: self._lifecycle.succeed(job.id, attempt, outputs))
            case Failed(error=error):
                await self._fail(job, attempt, error_of_execution(error, prompt))
            case Cancelled():
                await self._end_interrupted(job, attempt)
            case Lost(restarted=restarted):
                await self._fail(job, attempt, _lost(restarted=restarted is not False))

    async def _submit(
        self, job: Job, attempt: Attempt, prompt: dict[str, object], workflow: dict[str, object] | None
    ) -> None:
        """Submit unless ComfyUI knows the prompt already."""
        if job.id in self._jobs.cancellations:
            return
        drawn = {"workflow": workflow} if workflow else {}
        await self._comfy.prompts.submit_once(
            prompt,
            attempt.id,
            client_id=self._comfy.events.client_id,
            extra_data={"extra_pnginfo": drawn, **self._jobs.partner_keys.extra_data(job.id)},
            front=not self._jobs.policy.current.comfyui_first,
        )

    async def _outcome(self, job: Job, attempt: Attempt) -> Outcome:
        """Follow the prompt to its end; cancel it as soon as a user wants that."""
        canceller = asyncio.create_task(self._cancel_on_request(job, attempt))
        updates = self._comfy.follow(attempt.id, process_id=attempt.process_id, previews=True)
        try:
            async with contextlib.aclosing(updates):
                async for update in updates:
                    await self._note(job, update)
                    if isinstance(update, Succeeded | Failed | Cancelled | Lost):
                        return update
        finally:
            await cancel_and_wait(canceller)
            self._live.end(job.id)
        raise AssertionError("a prompt that is followed has an outcome")

    async def _note(self, job: Job, update: Update) -> None:
        self._live.note(job.id, update)
        if isinstance(update, ContactLost):
            log.warning("ComfyUI does not answer while it runs a job", reason=update.error.message)

    async def _cancel_on_request(self, job: Job, attempt: Attempt) -> None:
        await self._jobs.cancellations.wait_for(job.id)
        while True:
            with contextlib.suppress(ComfyError):
                await self._comfy.prompts.cancel(attempt.id)
            await asyncio.sleep(LOOK_SECONDS)

    async def _end_interrupted(self, job: Job, attempt: Attempt) -> None:
        """A prompt that a user interrupts in ComfyUI's own page ends the job, too."""
        await until_recorded(lambda: self._lifecycle.end_cancelled(job.id, attempt))
        self._jobs.cancellations.forget(job.id)

    async def _fail(self, job: Job, attempt: Attempt, error: JobError) -> None:
        if job.id in self._jobs.cancellations:
            await self._end_interrupted(job, attempt)
            return
        downloads, error = await self._downloads_for(job, error)
        _, decision = await until_recorded(lambda: self._lifecycle.fail(job.id, attempt, error, downloads))
        log.info("an attempt has failed", kind=error.kind, reason=error.message, next=decision.event)
        if decision.free_memory:
            with contextlib.suppress(ComfyError):
                await self._comfy.server.free()

    async def _downloads_for(self, job: Job, error: JobError) -> tuple[tuple[str, ...], JobError]:
        """Download what is missing, if that is why the job failed; the error says why that is not possible."""
        if error.kind != ErrorKind.MISSING_MODEL:
            return (), error
        try:
            return await self._jobs.download_models(job), error
        except AppError as reason:
            known = reason.error_code == MISSING  # what ComfyUI says already
            return (), error if known else replace(error, message=f"{error.message} {reason.message}")

    @asynccontextmanager
    async def _leased(self, attempt: Attempt) -> AsyncIterator[None]:
        """Renew the lease as long as the block runs."""
        renewal = asyncio.create_task(self._renew(attempt))
        try:
            yield
        finally:
            await cancel_and_wait(renewal)

    async def _renew(self, attempt: Attempt) -> None:
        while True:
            await asyncio.sleep(RENEW_SECONDS)
            await until_recorded(lambda: self._lifecycle.renew(attempt, _lease()))


def _lease() -> datetime:
    return clock.in_seconds(LEASE_SECONDS)


def _lost(*, restarted: bool) -> JobError:
    if restarted:
        return JobError(
            kind=ErrorKind.COMFYUI_DIED, message="ComfyUI died or was restarted while it ran the job."
        )
    return JobError(kind=ErrorKind.CONNECTION, message="ComfyUI does not know the prompt any more.")
