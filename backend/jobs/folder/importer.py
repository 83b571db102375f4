"""Creates jobs from job files."""

import asyncio
import hashlib
import json
from dataclasses import dataclass
from typing import Any

from backend.jobs.folder.claims import Claims
from backend.jobs.folder.config import GlobalConfig, JobFile, read_job_file
from backend.jobs.folder.layout import RECORD, FolderLayout
from backend.jobs.folder.names import ConfigName, InvalidJobFile, parse_config_name
from backend.jobs.folder.scan import ScannedFile
from backend.jobs.models import Job, JobSource, JobState
from backend.jobs.schemas import JobRequest, TemplateRequest
from backend.jobs.service import Jobs
from backend.jobs.submission import Draft, Submission

PRINCIPAL = "folder"
# Keys of a job's metadata.
FILE, FILE_PATH = "file", "file_path"
REPLACEABLE = frozenset({JobState.WAITING, JobState.QUEUED, JobState.BLOCKED})


@dataclass(frozen=True, kw_only=True)
class Setup:
    """The content of `global_config.yaml`, and the folders that follow from it."""

    config: GlobalConfig
    layout: FolderLayout


class JobFileImporter:
    def __init__(self, jobs: Jobs, submission: Submission, claims: Claims):
        self._jobs = jobs
        self._submission = submission
        self.claims = claims

    async def import_file(self, file: ScannedFile, content: bytes, setup: Setup) -> Job | None:
        """Return the job of a file: the one that it has already, or a new one. None where another pod runs the file.

        A name belongs to one job. Changed content replaces a job that has not started or has not succeeded.
        Raise InvalidJobFile or AppError when the file cannot be run.
        """
        name = parse_config_name(file.path.name)
        earlier = await self._jobs.latest_of_keys(PRINCIPAL, f"{name.name}:")
        finished = setup.layout.finished / name.job_type / (name.name + RECORD)
        if finished.exists() and (earlier is None or earlier.state == JobState.SUCCEEDED):
            raise InvalidJobFile("A job of this name has finished before. Give the file another name.")
        key = f"{name.name}:{hashlib.sha256(content).hexdigest()[:16]}"
        if earlier and (
            earlier.idempotency_key == key or earlier.state in (JobState.RUNNING, JobState.SUCCEEDED)
        ):
            return earlier
        if not await asyncio.to_thread(self.claims.take, file.path):
            return None
        draft = await self._draft(name, key, file, read_job_file(content), setup)
        if earlier and earlier.state in REPLACEABLE:
            await self._jobs.cancel(earlier.id)
        (job,) = await self._submission.queue(draft, PRINCIPAL, JobSource.FOLDER)
        # The file has the content of an earlier, replaced version again.
        return await self._jobs.retry(job.id) if job.state.is_final else job

    async def _draft(
        self, name: ConfigName, key: str, file: ScannedFile, content: JobFile, setup: Setup
    ) -> Draft:
        if {name.job_type, content.job_type.lower()} != {file.media_type}:
            raise InvalidJobFile(
                f"The folder is `{file.media_type}`, the name begins with `{name.job_type}`, and `job_type` is "
                f"`{content.job_type}`. All three have to be the same."
            )
        setup.layout.output(name.job_type, content.outputs.file_path)
        config = setup.config
        job = JobRequest(
            name=name.jobname,
            priority=config.default_priority if content.priority is None else content.priority,
            retry_limit=config.retry_limit if content.retry_limit is None else content.retry_limit,
            start_at=content.start_at,
            deadline=content.deadline,
            metadata={
                FILE: f"{file.media_type}/{file.path.name}",
                FILE_PATH: content.outputs.file_path,
            },
            idempotency_key=key,
        )
        request = TemplateRequest(
            template_id=content.workflow_id,
            values=_as_json(content.inputs),
            download_models=content.download_models,
            allow_pickle=content.allow_pickle,
            jobs=[job],
        )
        return await self._submission.draft(request)


def _as_json(inputs: dict[str, Any]) -> dict[str, Any]:
    """Return values that JSON has: dates become text."""
    try:
        values: dict[str, Any] = json.loads(json.dumps(inputs, default=str, allow_nan=False))
    except ValueError:
        raise InvalidJobFile("inputs: a number is not finite. Use another value.") from None
    return values
