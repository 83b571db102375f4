"""Follows one prompt to its end.

Polling decides how it stands. Events of the socket add detail, and say when it is worth asking again.
"""

import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass
from typing import TypeAlias

from backend.comfy.errors import ComfyError
from backend.comfy.event_stream import EventStream
from backend.comfy.events import (
    Connected,
    Disconnected,
    ExecutionEnded,
    ExecutionFailed,
    ExecutionInterrupted,
    ExecutionStarted,
    ExecutionSucceeded,
    LogWritten,
    PromptEvent,
    QueueChanged,
)
from backend.comfy.identity import ProcessIdentity
from backend.comfy.outcomes import Cancelled, Failed, Lost, Outcome, PromptState, Succeeded, outcome_of
from backend.comfy.prompts import Prompts
from backend.comfy.subscription import Subscription
from backend.comfy.timing import Timing

# Between the event of an ending and the history lies a moment.
ENDING_SECONDS = 0.1

NOT_ABOUT_PROMPTS = (Connected, Disconnected, QueueChanged, LogWritten)
OUTCOMES = (Succeeded, Failed, Cancelled, Lost)


@dataclass(frozen=True, kw_only=True)
class StateChanged:
    """ComfyUI says that the prompt waits, or that it runs."""

    state: PromptState


@dataclass(frozen=True, kw_only=True)
class ContactLost:
    """ComfyUI does not answer, or not sensibly. The prompt may still run."""

    error: ComfyError


@dataclass(frozen=True, kw_only=True)
class ContactRestored:
    """ComfyUI answers again."""


# The outcome comes last, and once.
Update: TypeAlias = StateChanged | ContactLost | ContactRestored | PromptEvent | Outcome


class Follower:
    def __init__(self, prompts: Prompts, events: EventStream, identity: ProcessIdentity, timing: Timing):
        self._timing = timing
        self._prompts = prompts
        self._events = events
        self._identity = identity

    async def follow(
        self,
        prompt_id: str,
        *,
        process_id: str | None = None,
        previews: bool = False,
        is_new: bool = False,
        unreachable_limit: float | None = None,
    ) -> AsyncGenerator[Update]:
        """Yield what happens to a prompt, and at last its outcome. Use `aclosing` to leave earlier.

        `process_id` is `ProcessIdentity.current` of the time of submitting; without it, of now. It only tells
        whether a lost prompt was lost in a restart. While ComfyUI does not answer, continue to poll; raise its
        error after `unreachable_limit` seconds, 15 minutes by default. `is_new` says that the prompt was submitted just
        now, so that there is nothing to ask before the first event.
        """
        watched = _Watched(
            prompt_id=prompt_id,
            process_id=process_id or await self._process_id(),
            contact=_Contact(unreachable_limit or self._timing.unreachable_limit),
            watchdog=_Watchdog(self._events, self._timing),
        )
        async with self._events.subscribe(prompt_id, previews=previews) as events:
            while True:
                updates = [] if is_new else await self._poll(watched)
                is_new = False
                has_ended = isinstance(updates[-1], OUTCOMES) if updates else False
                if has_ended:
                    for event in events.take_all():
                        if not isinstance(event, NOT_ABOUT_PROMPTS):
                            yield event
                for update in updates:
                    yield update
                if has_ended:
                    return
                seconds = self._timing.retry if watched.contact.is_lost else self._timing.poll
                async for update in _until_next_poll(events, watched, seconds):
                    yield update

    async def wait(
        self, prompt_id: str, *, process_id: str | None = None, unreachable_limit: float | None = None
    ) -> Outcome:
        """Return how a prompt ends. The arguments are those of `follow`."""
        async with aclosing(
            self.follow(prompt_id, process_id=process_id, unreachable_limit=unreachable_limit)
        ) as updates:
            async for update in updates:
                if isinstance(update, OUTCOMES):
                    return update
        raise AssertionError("a prompt that is followed has an outcome")

    async def _poll(self, watched: "_Watched") -> list[Update]:
        """Ask ComfyUI, and return what has changed; an outcome comes last."""
        try:
            record = await self._prompts.find(watched.prompt_id)
        except ComfyError as error:
            return [ContactLost(error=error)] if watched.contact.lose(error) else []
        updates: list[Update] = [ContactRestored()] if watched.contact.restore() else []
        if record is None:
            return [*updates, await self._lost(watched.prompt_id, watched.process_id)]
        outcome = outcome_of(record)
        if outcome:
            return [*updates, outcome]
        if record.state != watched.state:
            watched.state = record.state
            updates.append(StateChanged(state=record.state))
        if record.state == PromptState.RUNNING:
            await watched.watchdog.check()
        return updates

    async def _lost(self, prompt_id: str, process_id: str | None) -> Lost:
        now = await self._process_id()
        return Lost(prompt_id=prompt_id, restarted=now != process_id if now and process_id else None)

    async def _process_id(self) -> str | None:
        try:
            return await self._identity.current()
        except ComfyError:
            return None


async def _until_next_poll(
    events: Subscription, watched: "_Watched", seconds: float
) -> AsyncIterator[PromptEvent | StateChanged]:
    """Yield events for that long, or until one makes it worth asking at once."""
    poll_at = time.monotonic() + seconds
    while (left := poll_at - time.monotonic()) > 0:
        event = await events.next(left)
        match event:
            case None | Disconnected() | Connected():  # the events of the time before are lost
                return
            case QueueChanged() | LogWritten():
                continue
            case ExecutionStarted() if watched.state != PromptState.RUNNING:
                watched.state = PromptState.RUNNING
                yield StateChanged(state=PromptState.RUNNING)
            case ExecutionSucceeded() | ExecutionFailed() | ExecutionInterrupted():
                poll_at = min(poll_at, time.monotonic() + ENDING_SECONDS)
        yield event
        if isinstance(event, ExecutionEnded):
            return


@dataclass(kw_only=True)
class _Watched:
    """What is remembered about a prompt between two polls."""

    prompt_id: str
    process_id: str | None
    contact: "_Contact"
    watchdog: "_Watchdog"
    state: PromptState | None = None


class _Contact:
    """Whether ComfyUI answers, and for how long it has not."""

    def __init__(self, unreachable_limit: float):
        self._limit = unreachable_limit
        self._lost_at: float | None = None

    @property
    def is_lost(self) -> bool:
        return self._lost_at is not None

    def lose(self, error: ComfyError) -> bool:
        """Return whether this is new; raise the error when it has lasted too long."""
        now = time.monotonic()
        if self._lost_at is None:
            self._lost_at = now
            return True
        if now - self._lost_at > self._limit:
            raise error
        return False

    def restore(self) -> bool:
        """Return whether this is new."""
        was_lost, self._lost_at = self._lost_at is not None, None
        return was_lost


class _Watchdog:
    """Opens the socket again when a running prompt is silent for long."""

    def __init__(self, events: EventStream, timing: Timing):
        self._events = events
        self._limit = timing.silence
        self._most = timing.longest_silence

    async def check(self) -> None:
        if self._events.silent_seconds > self._limit:
            self._limit = min(2 * self._limit, self._most)
            await self._events.reconnect()
