"""The prompt of an attempt at ComfyUI: submitted, followed to its end, taken back."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Any

import structlog

from backend.comfy.client import ComfyClient
from backend.comfy.errors import ComfyError, Unreachable
from backend.comfy.events import ExecutionStarted
from backend.comfy.follow import ContactLost, StateChanged, Update
from backend.comfy.outcomes import Cancelled, Failed, Lost, Outcome, PromptState, Succeeded
from backend.core.async_tools import cancel_and_wait
from backend.jobs.cancellations import Cancellations
from backend.jobs.live import Live
from backend.jobs.models import Attempt

log = structlog.get_logger(__name__)

# Until ComfyUI is asked again to give up a prompt; one that runs ends at its next step.
RETRY_SECONDS = 2.0
# How long a submission waits for the socket. What ComfyUI reports before it is open is lost, and a page shows no progress.
EVENTS_SECONDS = 1.0


class PromptRun:
    """Polling decides how the prompt stands; a prompt is given up only when ComfyUI certainly does not have it."""

    def __init__(
        self,
        comfy: ComfyClient,
        live: Live,
        cancellations: Cancellations,
        attempt: Attempt,
        *,
        has_begun: bool,
        begin: Callable[[], Awaitable[bool]],
    ):
        """`begin` is called when ComfyUI runs the prompt, and returns whether it may."""
        self._comfy = comfy
        self._live = live
        self._cancellations = cancellations
        self._attempt = attempt
        self._begin = begin
        self.has_begun = has_begun
        # Whether ComfyUI has ever had it; unknown after a submission without an answer.
        self.has_arrived = False
        self._must_not_run = False
        self._recalled = asyncio.Event()

    def recall(self) -> None:
        """Take the prompt back unless it has begun."""
        self._recalled.set()

    def discard(self) -> None:
        """Take the prompt back even if it has begun."""
        self._must_not_run = True
        self._recalled.set()

    async def run(self, prompt: dict[str, object], *, is_new: bool, **options: Any) -> Outcome:
        """Submit the prompt and follow it to its end. Lost means that nothing is there.

        Unless it `is_new`, ComfyUI may have it already, and is asked first.
        """
        is_new = await self._submit(prompt, is_new=is_new, **options)
        following = asyncio.create_task(self._follow(is_new=is_new))
        others = (
            asyncio.create_task(self._cancel_on_request()),
            asyncio.create_task(self._take_back_on_request()),
        )
        try:
            done, _ = await asyncio.wait({following, *others}, return_when=asyncio.FIRST_COMPLETED)
            return (following if following in done else done.pop()).result()
        finally:
            await cancel_and_wait(following, *others)
            self._live.end(self._attempt.job_id)

    async def remove(self) -> None:
        """Return when ComfyUI does not have the prompt any more, or has ended it."""
        while True:
            with contextlib.suppress(ComfyError):
                await self._comfy.prompts.cancel(self._attempt.id)
                record = await self._comfy.prompts.find(self._attempt.id)
                if record is None or record.state.is_final:
                    return
            await asyncio.sleep(RETRY_SECONDS)

    async def _submit(self, prompt: dict[str, object], *, is_new: bool, **options: Any) -> bool:
        """Return whether ComfyUI has the prompt for the first time."""
        if self._attempt.job_id in self._cancellations:
            return False
        prompts = self._comfy.prompts
        submit = prompts.submit if is_new else prompts.submit_once
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._comfy.events.connected(), EVENTS_SECONDS)
        try:
            submitted = await submit(
                prompt, self._attempt.id, client_id=self._comfy.events.client_id, **options
            )
        except Unreachable as error:  # it may have arrived, so it is followed like any other
            log.warning("the submission of a prompt got no answer", reason=error.message)
            return False
        self.has_arrived = True
        return not submitted.existed

    async def _follow(self, *, is_new: bool) -> Outcome:
        updates = self._comfy.follow(
            self._attempt.id, process_id=self._attempt.process_id, previews=True, is_new=is_new
        )
        async with contextlib.aclosing(updates):
            async for update in updates:
                if isinstance(update, Succeeded | Failed | Cancelled | Lost):
                    return update
                await self._note(update)
        raise AssertionError("a prompt that is followed has an outcome")

    async def _note(self, update: Update) -> None:
        self._live.note(self._attempt.job_id, update)
        match update:
            case ContactLost():
                log.warning("ComfyUI does not answer while it runs a job", reason=update.error.message)
            case StateChanged(state=state):
                self.has_arrived = True
                if state == PromptState.RUNNING:
                    await self._note_begin()
            case ExecutionStarted():
                await self._note_begin()

    async def _note_begin(self) -> None:
        self.has_arrived = True
        if not self.has_begun:
            self.has_begun = await self._begin()
            if not self.has_begun:
                self.discard()

    async def _cancel_on_request(self) -> Lost:
        """Stop the prompt when a user wants that. Return when it was still waiting."""
        await self._cancellations.wait_for(self._attempt.job_id)
        while True:
            with contextlib.suppress(ComfyError):
                await self._comfy.prompts.cancel(self._attempt.id)
                if await self._comfy.prompts.find(self._attempt.id) is None:
                    return self._lost()
            await asyncio.sleep(RETRY_SECONDS)

    async def _take_back_on_request(self) -> Lost:
        """Take the prompt back when it is recalled. Return when ComfyUI does not have it any more."""
        while True:
            await self._recalled.wait()
            self._recalled.clear()
            if await self._take_back():
                return self._lost()

    async def _take_back(self) -> bool:
        """Return whether ComfyUI has given up the prompt. One that has begun goes on, unless it must not run."""
        while not self.has_begun:
            with contextlib.suppress(ComfyError):
                if self._must_not_run:
                    await self._comfy.prompts.cancel(self._attempt.id)
                else:
                    await self._comfy.prompts.take_out(self._attempt.id)
                record = await self._comfy.prompts.find(self._attempt.id)
                if record is None:
                    return True
                if record.state == PromptState.RUNNING:
                    await self._note_begin()
            await asyncio.sleep(RETRY_SECONDS)
        return False

    def _lost(self) -> Lost:
        return Lost(prompt_id=self._attempt.id, restarted=False)
