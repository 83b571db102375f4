"""Finds out what runs on the pod."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

from backend.autostop.jupyter import JupyterServer
from backend.autostop.shells import last_input, running_commands
from backend.comfy.client import ComfyClient
from backend.comfy.errors import ComfyError
from backend.downloads.models import State
from backend.downloads.service import Downloads
from backend.jobs.models import JobState
from backend.jobs.service import Jobs
from backend.system.service import System

BUSY_GPU_PERCENT = 5
WORKING_TRANSFERS = (State.QUEUED, State.RUNNING, State.VERIFYING, State.RETRYING)


@dataclass(frozen=True, kw_only=True)
class Observation:
    """What runs, in words, and when a user last did something that has ended."""

    busy: list[str]
    last_active: datetime | None = None


class Work(Protocol):
    """A service that may be at work in the background."""

    def busy_reason(self) -> str | None:
        """Return what runs, or None."""


class Idleness:
    """Asks every part of the pod."""

    def __init__(
        self,
        comfy: ComfyClient,
        jobs: Jobs,
        downloads: Downloads,
        system: System,
        jupyter: JupyterServer,
        others: Sequence[Work],
    ):
        self._comfy, self._jobs, self._downloads = comfy, jobs, downloads
        self._system, self._jupyter, self._others = system, jupyter, others
        # A file for each terminal; its access time is the time of the last input.
        self.terminals = Path("/dev/pts")

    async def observe(self) -> Observation:
        jupyter = await self._jupyter.activity()
        commands = await asyncio.to_thread(running_commands)
        reasons = (
            await self._prompts(),
            await self._waiting_jobs(),
            await self._transfers(),
            *(work.busy_reason() for work in self._others),
            "A notebook runs." if jupyter.is_busy else None,
            "An SSH session runs a command." if commands else None,
            await self._gpu(),
        )
        moments = [jupyter.last_active, await asyncio.to_thread(last_input, self.terminals)]
        return Observation(
            busy=[reason for reason in reasons if reason],
            last_active=max((moment for moment in moments if moment), default=None),
        )

    async def _prompts(self) -> str | None:
        try:
            count = await self._comfy.prompts.remaining()
        except ComfyError:
            return None  # it does not run
        return _counted(count, "prompt is", "prompts are", "in ComfyUI's queue") if count else None

    async def _waiting_jobs(self) -> str | None:
        """Jobs of a paused queue do not run by themselves; one that runs already does."""
        counts = await self._jobs.counts()
        states = [JobState.RUNNING]
        if not self._jobs.is_paused:
            states += [JobState.QUEUED, JobState.WAITING]
        count = sum(counts.get(state, 0) for state in states)
        return _counted(count, "job is", "jobs are", "running or waiting") if count else None

    async def _transfers(self) -> str | None:
        counts = await self._downloads.counts()
        count = sum(counts.get(state, 0) for state in WORKING_TRANSFERS)
        return _counted(count, "file is", "files are", "being downloaded") if count else None

    async def _gpu(self) -> str | None:
        busiest = max((gpu.utilisation or 0 for gpu in await self._system.gpus()), default=0)
        return f"The GPU is {busiest} % busy." if busiest > BUSY_GPU_PERCENT else None


def _counted(count: int, one: str, many: str, rest: str) -> str:
    return f"{count} {one if count == 1 else many} {rest}."
