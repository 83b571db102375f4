"""Run the prompt of an output again."""

from backend.core.errors import Conflict, NotFound
from backend.jobs.inputs import new_seeds
from backend.jobs.models import Job, JobSource
from backend.jobs.reruns import Reruns
from backend.jobs.schemas import JobRequest, SubmitRequest
from backend.jobs.service import Jobs
from backend.outputs.folder import OutputFile
from backend.outputs.provenance import RawProvenance
from backend.outputs.service import Outputs
from backend.workflows.parsing import as_dict


class OutputRuns:
    def __init__(self, outputs: Outputs, jobs: Jobs, reruns: Reruns):
        self._outputs = outputs
        self._jobs = jobs
        self._reruns = reruns

    async def again(self, file: OutputFile, principal: str, *, new_seed: bool = False) -> Job:
        """Submit a job with the prompt that made the file. Raise Conflict where the file has no record of it."""
        raw = await self._outputs.raw_provenance(file)
        job_id = as_dict(raw.sidecar.get("job")).get("id")
        if isinstance(job_id, str) and (job := await self._of_job(job_id, principal, new_seed=new_seed)):
            return job
        if not raw.prompt:
            raise Conflict(
                f"{file.name} does not say how it was made: ComfyUI saved it without its workflow, or another program "
                "has rewritten it.",
                code="no_workflow",
            )
        return await self._from_provenance(file, raw, principal, new_seed=new_seed)

    async def _of_job(self, job_id: str, principal: str, *, new_seed: bool) -> Job | None:
        """Return None when this pod does not have the job, because another pod ran it."""
        try:
            if new_seed:
                (job,) = await self._reruns.with_new_seeds(job_id, principal)
                return job
            return await self._reruns.again(job_id, principal)
        except NotFound:
            return None

    async def _from_provenance(
        self, file: OutputFile, raw: RawProvenance, principal: str, *, new_seed: bool
    ) -> Job:
        values = new_seeds(raw.prompt) if new_seed else {}
        template = as_dict(raw.sidecar.get("job")).get("template")
        request = SubmitRequest(
            prompt=raw.prompt,
            workflow=raw.graph or None,
            template=template if isinstance(template, str) else None,
            jobs=[JobRequest(name=file.real_path.stem[:200], values=dict(values))],
        )
        (job,) = await self._jobs.submit(request, principal, JobSource.PAGE)
        return job
