"""Executes one attempt: runs its prompt, collects the outputs, and records the result."""

import contextlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import structlog

from backend.comfy.client import ComfyClient
from backend.comfy.errors import ComfyError, InvalidResponse, PromptRejected, Unreachable
from backend.comfy.outcomes import Cancelled, Failed, Lost, Succeeded
from backend.core.database import until_recorded
from backend.core.errors import AppError, OutOfSpace
from backend.jobs.attempts import is_current
from backend.jobs.changes import PromptContent
from backend.jobs.errors import error_of_connection, error_of_execution, error_of_loss, error_of_rejection
from backend.jobs.lease_renewal import lease_expiry, lease_renewal
from backend.jobs.lifecycle import Lifecycle
from backend.jobs.live import Live
from backend.jobs.missing_models import MISSING
from backend.jobs.models import Attempt, ErrorKind, Job, JobError, JobState, Output
from backend.jobs.prompt_run import PromptRun
from backend.jobs.provenance import Finished
from backend.jobs.results import Results
from backend.jobs.service import Jobs
from backend.jobs.values import with_values

log = structlog.get_logger(__name__)

# ComfyUI runs lower numbers first, and counts from 0 for the prompts of its own page.
AFTER_ALL_OTHERS = 1e9


@dataclass(frozen=True, kw_only=True)
class Tools:
    """What every execution needs."""

    jobs: Jobs
    lifecycle: Lifecycle
    comfy: ComfyClient
    results: Results
    live: Live


class Execution:
    """Its attempt is leased. `on_change` is called when it begins, and when ComfyUI is done with its prompt."""

    def __init__(
        self, tools: Tools, job: Job, attempt: Attempt, on_change: Callable[[], None], *, is_new: bool
    ):
        """`is_new` says that no worker had the attempt before."""
        self._tools = tools
        self._is_new = is_new
        self._on_change = on_change
        self.job = job
        self.attempt = attempt
        # Until it is known how the prompt has ended.
        self.is_at_comfyui = True
        self._is_current = is_current(attempt, job)
        self._prompt = PromptRun(
            tools.comfy,
            tools.live,
            tools.jobs.cancellations,
            attempt,
            has_begun=job.state == JobState.RUNNING,
            begin=self._begin,
        )

    @property
    def has_begun(self) -> bool:
        return self.job.state == JobState.RUNNING

    def recall(self) -> None:
        """Return the job to the queue unless it has begun: another one comes first, or nothing may start."""
        self._prompt.recall()

    def discard(self) -> None:
        """End the attempt without a result: its job was changed, cancelled or has expired before it began."""
        self._prompt.discard()

    async def run(self) -> None:
        """Run until the attempt has ended, whatever happens at ComfyUI."""
        with structlog.contextvars.bound_contextvars(job=self.job.id, prompt_id=self.attempt.id):
            async with lease_renewal(self._tools.lifecycle, self.attempt), self._tools.comfy.events.opened():
                try:
                    await self._run()
                finally:
                    self._leave()
                await self._tools.results.discard(self.attempt.id)

    async def _run(self) -> None:
        if not self._is_current:
            await self._withdraw()
            return
        if self.job.cancel_requested:
            self._tools.jobs.cancellations.request(self.job.id)
        outputs = None if self._is_new else await self._complete_outputs()
        if outputs is not None:
            await self._succeed(outputs)
            return
        try:
            await self._attempt()
        except PromptRejected as error:
            prompt = (await self._tools.jobs.prompt(self.job)).prompt
            await self._fail(error_of_rejection(error, prompt))
        except (Unreachable, InvalidResponse) as error:
            await self._fail(error_of_connection(error))
        except OutOfSpace as error:
            await self._fail(JobError(kind=ErrorKind.STORAGE, message=error.message))
        except AppError as error:
            await self._fail(JobError(kind=ErrorKind.INVALID, message=error.message))

    async def _complete_outputs(self) -> tuple[Output, ...] | None:
        """Return the outputs of an attempt whose worker is gone, if it had all of them."""
        try:
            return await self._tools.results.resume(self.attempt.id)
        except OutOfSpace:  # reported when they are collected
            return None

    async def _attempt(self) -> None:
        content = await self._tools.jobs.prompt(self.job)
        prompt = with_values(content.prompt, {**self.job.values, **self.attempt.values})
        outcome = await self._prompt.run(prompt, is_new=self._is_new, **self._options(content))
        self._leave()
        match outcome:
            case Lost() if not self.has_begun:
                await self._withdraw()
            case _ if not await self._begin():
                await self._withdraw()
            case Succeeded():
                await self._collect(content, outcome)
            case Failed(error=error):
                await self._fail(error_of_execution(error, prompt))
            case Cancelled():
                await self._end_cancelled()
            case Lost(restarted=restarted):
                died = restarted is not False and self._prompt.has_arrived
                await self._fail(error_of_loss(died=died))

    def _options(self, content: PromptContent) -> dict[str, Any]:
        """Return what is submitted with the prompt. Its place is behind or before the prompts of ComfyUI's own page."""
        comfyui_first = self._tools.jobs.policy.current.comfyui_first
        return {
            "extra_data": {
                "extra_pnginfo": {"workflow": content.workflow} if content.workflow else {},
                **self._tools.jobs.partner_keys.extra_data(self.job.id),
            },
            **({"number": AFTER_ALL_OTHERS} if comfyui_first else {"front": True}),
        }

    async def _begin(self) -> bool:
        """Note that ComfyUI runs the prompt. Return False when it must not, because the job is another one by now."""
        if self.has_begun:
            return True
        begun = await until_recorded(lambda: self._tools.lifecycle.begin(self.attempt, lease_expiry()))
        if begun is None:
            return False
        self.job, self.attempt = begun
        self._on_change()
        return True

    def _leave(self) -> None:
        if self.is_at_comfyui:
            self.is_at_comfyui = False
            self._on_change()

    # How it ends

    async def _collect(self, content: PromptContent, outcome: Succeeded) -> None:
        finished = Finished(
            job=self.job,
            attempt=self.attempt,
            prompt=content.prompt,
            workflow=content.workflow,
            record=outcome.record,
        )
        await self._succeed(await self._tools.results.collect(finished))

    async def _succeed(self, outputs: tuple[Output, ...]) -> None:
        await until_recorded(lambda: self._tools.lifecycle.succeed(self.job.id, self.attempt, outputs))

    async def _withdraw(self) -> None:
        """End the attempt without a trace, once ComfyUI has certainly given up its prompt."""
        await self._prompt.remove()
        await until_recorded(lambda: self._tools.lifecycle.withdraw(self.attempt))

    async def _end_cancelled(self) -> None:
        """A prompt that a user interrupts in ComfyUI's own page ends the job, too."""
        await until_recorded(lambda: self._tools.lifecycle.end_cancelled(self.job.id, self.attempt))
        self._tools.jobs.cancellations.forget(self.job.id)

    async def _fail(self, error: JobError) -> None:
        if not await self._begin():  # what fails before it begins counts as an attempt, too
            await self._withdraw()
            return
        if self.job.id in self._tools.jobs.cancellations:
            await self._end_cancelled()
            return
        downloads, error = await self._downloads_for(error)
        _, decision = await until_recorded(
            lambda: self._tools.lifecycle.fail(self.job.id, self.attempt, error, downloads)
        )
        log.info("an attempt has failed", kind=error.kind, reason=error.message, next=decision.event)
        if decision.free_memory:
            with contextlib.suppress(ComfyError):
                await self._tools.comfy.server.free()

    async def _downloads_for(self, error: JobError) -> tuple[tuple[str, ...], JobError]:
        """Download what is missing, if that is why the job failed; the error says why that is not possible."""
        if error.kind != ErrorKind.MISSING_MODEL:
            return (), error
        try:
            return await self._tools.jobs.download_models(self.job), error
        except AppError as reason:
            known = reason.error_code == MISSING  # what ComfyUI says already
            return (), error if known else replace(error, message=f"{error.message} {reason.message}")
