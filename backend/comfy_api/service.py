"""Jobs for clients of the protocol: submitted with their assets, and described with everything that the SDK reads."""

import contextlib
from typing import Any

from backend.comfy.client import ComfyClient
from backend.comfy_api.assets import Assets
from backend.comfy_api.errors import KeyReused, MissingAsset, Unprocessable
from backend.comfy_api.models import OutputId
from backend.comfy_api.references import references_in
from backend.comfy_api.schemas import MAX_LABELS, SubmitBody
from backend.comfy_api.validation import check_workflow
from backend.comfy_api.views import Snapshot
from backend.core.async_tools import KeyedLocks
from backend.core.errors import Conflict, NotFound
from backend.jobs.live import Live
from backend.jobs.models import (
    DEFAULT_PRIORITY,
    HIGHEST_PRIORITY,
    LOWEST_PRIORITY,
    Job,
    JobSource,
    JobState,
    Output,
)
from backend.jobs.schemas import JobRequest, SubmitRequest
from backend.jobs.service import Jobs
from backend.jobs.values import check_prompt

JOB_NAME = "comfy-api"
# What a workflow has that the editor saved for itself.
UI_KEYS = {"nodes", "links", "last_node_id"}
# ComfyUI loads a file of an earlier job under this name.
OUTPUT_NAME = "jobs/{path} [output]"


class ComfyJobs:
    """A thin translation; `Jobs` decides."""

    def __init__(self, jobs: Jobs, live: Live, assets: Assets, comfy: ComfyClient):
        self.jobs = jobs
        self._comfy = comfy
        self._live = live
        self._assets = assets
        self._keys = KeyedLocks()

    async def submit(self, body: SubmitBody, key: str | None, principal: str) -> Job:
        """Queue one job. Raise KeyReused when this principal has used the key before: the protocol replays nothing."""
        if body.workflow.keys() >= UI_KEYS:
            raise Unprocessable(
                "This is a workflow as the editor saves it. Export it with “Export (API)”.",
                code="workflow_format_ui",
            )
        check_prompt(body.workflow)
        labels = labels_of(body)
        digests = await self._put_in_assets(body.workflow)
        await check_workflow(self._comfy, body.workflow)
        wanted = JobRequest(name=JOB_NAME, priority=priority_of(body), metadata=labels, idempotency_key=key)
        request = SubmitRequest(prompt=body.workflow, jobs=[wanted])
        secret = body.extra_data.api_key_comfy_org if body.extra_data else None
        async with self._keys[f"{principal} {key}"]:
            earlier = await self.jobs.of_key(principal, key) if key else None
            if earlier:
                raise KeyReused(f"Job {earlier.id} was submitted with this key.", job_id=earlier.id)
            (job,) = await self.jobs.submit(request, principal, JobSource.COMFY_API, api_key_comfy_org=secret)
        await self._assets.note_uses(digests, job.id)
        return job

    async def snapshot(self, job: Job) -> Snapshot:
        """Return a job with everything that its description needs."""
        return Snapshot(
            job=job,
            prompt=(await self.jobs.prompt(job)).prompt,
            outputs=await self.jobs.outputs(job.id) if job.state == JobState.SUCCEEDED else (),
            queue_position=await self.jobs.queue_position(job),
            progress=self._live.progress(job.id),
        )

    async def cancel(self, job_id: str) -> Job:
        """Cancel a job. One that has ended stays as it is."""
        with contextlib.suppress(Conflict):
            await self.jobs.cancel(job_id)
        return await self.jobs.get(job_id)

    async def output(self, asset_id: OutputId) -> tuple[Job, Output]:
        job = await self.jobs.get(asset_id.job_id)
        outputs = await self.jobs.outputs(job.id)
        if asset_id.number >= len(outputs):
            raise NotFound(f"Job {job.id} has no output {asset_id.number}.")
        return job, outputs[asset_id.number]

    async def _put_in_assets(self, workflow: dict[str, Any]) -> list[str]:
        """Replace references by the names that ComfyUI knows, and return the hashes of the uploads among them."""
        digests, missing = [], []
        for reference in references_in(workflow):
            try:
                name, digest = await self._name_of(reference.asset_id or "")
            except NotFound:
                missing.append(reference.asset_id or "without an id")
                continue
            reference.replace_with(name)
            digests += [digest] if digest else []
        if missing:
            raise MissingAsset(
                f"The workflow names assets that are not here: {', '.join(missing[:5])}. Upload them first.",
                missing_ids=missing,
            )
        return list(dict.fromkeys(digests))

    async def _name_of(self, asset_id: str) -> tuple[str, str | None]:
        output_id = OutputId.read(asset_id)
        if output_id:
            _, output = await self.output(output_id)
            return OUTPUT_NAME.format(path=output.path), None
        asset = await self._assets.get(asset_id)
        await self._assets.path(asset)
        return await self._assets.use(asset), asset.hash


def labels_of(body: SubmitBody) -> dict[str, str]:
    """Return the labels as a map. The official proxy takes one string, the SDK sends a map."""
    if isinstance(body.metadata, str):
        return {"metadata": body.metadata}
    labels = body.metadata or {}
    if len(labels) > MAX_LABELS:
        raise Unprocessable(
            f"A job has at most {MAX_LABELS} labels, and these are {len(labels)}.", code="metadata_invalid"
        )
    return labels


def priority_of(body: SubmitBody) -> int:
    if body.priority is None:
        return DEFAULT_PRIORITY
    return min(max(body.priority, HIGHEST_PRIORITY), LOWEST_PRIORITY)
