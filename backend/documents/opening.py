"""Where a new document comes from: a file, ComfyUI's own workflows, a template, a job, or another document."""

import asyncio
from dataclasses import dataclass
from pathlib import PurePosixPath

from backend.comfy.client import ComfyClient
from backend.core.errors import InvalidRequest
from backend.documents.models import Head
from backend.documents.service import Documents
from backend.jobs.service import Jobs
from backend.templates.service import Templates
from backend.workflows.graph import Json, Workflow
from backend.workflows.reader import read_workflow, workflow_of

FOLDER = "workflows/"
MAX_NAME = 200


@dataclass(frozen=True, kw_only=True)
class Source:
    """A workflow that was read, with the name that it gets unless the user chooses one."""

    workflow: Workflow
    name: str
    reason: str


class Opening:
    def __init__(self, documents: Documents, comfy: ComfyClient, templates: Templates, jobs: Jobs):
        self._documents = documents
        self._comfy = comfy
        self._templates = templates
        self._jobs = jobs

    async def create(self, source: Source, name: str = "") -> Head:
        return await self._documents.create(source.workflow, name.strip() or source.name, source.reason)

    async def document(self, document: Json) -> Source:
        workflow = await asyncio.to_thread(workflow_of, document)
        return Source(workflow=workflow, name="Untitled", reason="Created")

    async def file(self, content: bytes, name: str = "") -> Source:
        """Read JSON in either format, or a picture, video or sound that ComfyUI saved."""
        workflow = await asyncio.to_thread(read_workflow, content)
        stem = PurePosixPath(name).stem[:MAX_NAME].strip()
        return Source(workflow=workflow, name=stem or "Untitled", reason="Opened from a file")

    async def comfyui(self, path: str) -> Source:
        """Read a workflow that was saved in ComfyUI's editor."""
        path = user_path(path)
        content = await self._comfy.user_files.read(path)
        workflow = await asyncio.to_thread(read_workflow, content)
        return Source(
            workflow=workflow, name=PurePosixPath(path).stem, reason=f"Opened from ComfyUI: {path}"[:MAX_NAME]
        )

    async def template(self, template_id: str) -> Source:
        template = await self._templates.get(template_id)
        return Source(
            workflow=template.workflow,
            name=template.title[:MAX_NAME],
            reason=f"Opened from template {template.id}"[:MAX_NAME],
        )

    async def job(self, job_id: str) -> Source:
        """Take what a job ran: the editor's graph where the job has one and has set no values in it, else the prompt."""
        job = await self._jobs.get(job_id)
        content = await self._jobs.prompt_of(job)
        document = content.prompt if job.values or not content.workflow else content.workflow
        workflow = await asyncio.to_thread(workflow_of, document)
        return Source(workflow=workflow, name=job.name, reason=f"Opened from job {job_id}")

    async def copy(self, document_id: str, number: int | None) -> Source:
        stored = await self._documents.get(document_id, number)
        workflow = await asyncio.to_thread(workflow_of, stored.document)
        name = f"{stored.version.name} (copy)"[:MAX_NAME]
        return Source(workflow=workflow, name=name, reason=f"Copied from version {stored.version.number}")


def user_path(path: str) -> str:
    """Return the path of a workflow below ComfyUI's user folder. Raise InvalidRequest when it leaves the folder."""
    path = path if path.startswith(FOLDER) else f"{FOLDER}{path}"
    parts = path.split("/")
    if any(part in ("", ".", "..") or not part.isprintable() for part in parts) or not path.endswith(".json"):
        raise InvalidRequest(
            "Give the path of a workflow below ComfyUI's folder `workflows`, such as `portraits/cat.json`.",
            code="bad_path",
        )
    return path
