"""Takes over prompts that wait in ComfyUI's own queue, which forgets them when it restarts."""

from backend.comfy.client import ComfyClient
from backend.comfy.outcomes import PromptState
from backend.comfy.records import QueuedPrompt
from backend.core import clock
from backend.jobs.models import Job, JobSource
from backend.jobs.schemas import ChangeRequest, JobRequest, SubmitRequest
from backend.jobs.service import Jobs

# The jobs start once their prompts are out of ComfyUI's queue, and after this time in any case.
HOLD_SECONDS = 30.0


async def adopt_prompts(jobs: Jobs, comfy: ComfyClient, principal: str) -> list[Job]:
    """Make a job of every prompt that waits in ComfyUI and is not one already; what runs there goes on.

    A prompt is deleted from ComfyUI's queue only when its job is on disk. One that has begun meanwhile stays at ComfyUI, and
    its job is cancelled.
    """
    adopted = []
    for prompt in await comfy.prompts.queue():
        if prompt.state == PromptState.PENDING and not await jobs.has_attempt(prompt.prompt_id):
            job = await _adopt(jobs, comfy, prompt, principal)
            if job:
                adopted.append(job)
    return adopted


async def _adopt(jobs: Jobs, comfy: ComfyClient, prompt: QueuedPrompt, principal: str) -> Job | None:
    request = SubmitRequest(
        prompt=prompt.graph,
        workflow=prompt.workflow,
        jobs=[
            JobRequest(
                name="ComfyUI",
                start_at=clock.in_seconds(HOLD_SECONDS),
                idempotency_key=f"comfyui:{prompt.prompt_id}",
            )
        ],
    )
    (job,) = await jobs.submit(request, principal, JobSource.COMFYUI)
    await comfy.prompts.take_out(prompt.prompt_id)
    if await comfy.prompts.find(prompt.prompt_id):
        await jobs.cancel(job.id)
        return None
    return await jobs.change(job.id, ChangeRequest(start_at=None))
