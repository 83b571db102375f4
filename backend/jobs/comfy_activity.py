"""What ComfyUI does besides our jobs."""

from dataclasses import dataclass

from backend.comfy.client import ComfyClient
from backend.comfy.errors import ComfyError
from backend.comfy.outcomes import PromptRecord
from backend.jobs.service import Jobs


@dataclass(frozen=True, kw_only=True)
class OwnPrompts:
    """Prompts that were queued in ComfyUI's own page."""

    # Whether ComfyUI answers.
    up: bool
    prompts: tuple[PromptRecord, ...] = ()


class ComfyActivity:
    """Reads ComfyUI's queue."""

    def __init__(self, comfy: ComfyClient, jobs: Jobs):
        self._comfy = comfy
        self._jobs = jobs

    async def look(self) -> OwnPrompts:
        """Return the prompts that run or wait in ComfyUI and belong to no job."""
        try:
            active = await self._comfy.prompts.active()
        except ComfyError:
            return OwnPrompts(up=False)
        ours = await self._jobs.attempts_under_way()
        return OwnPrompts(up=True, prompts=tuple(record for record in active if record.prompt_id not in ours))
