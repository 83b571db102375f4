"""From a document to ComfyUI: its inputs, what is wrong with it, the prompt, a job, and a file for the editor."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from backend.auth.principal import current_principal
from backend.comfy.client import ComfyClient
from backend.comfy.errors import Rejected
from backend.core.errors import Conflict
from backend.documents.models import Stored
from backend.documents.node_types import NodeTypeSource
from backend.documents.opening import user_path
from backend.documents.service import Documents
from backend.jobs.models import Job, JobSource
from backend.jobs.schemas import JobRequest, TemplateRequest
from backend.jobs.submission import Submission
from backend.workflows.bindings import Binding, find_bindings
from backend.workflows.convert import convert
from backend.workflows.graph import Json, Workflow
from backend.workflows.reader import workflow_of
from backend.workflows.validation import PromptProblem, validate


@dataclass(frozen=True, kw_only=True)
class Opened:
    """A version with everything that is needed to convert it."""

    stored: Stored
    workflow: Workflow
    object_info: Json


class Runs:
    def __init__(
        self, documents: Documents, node_types: NodeTypeSource, comfy: ComfyClient, submission: Submission
    ):
        self._documents = documents
        self._node_types = node_types
        self._comfy = comfy
        self._submission = submission

    async def open(self, document_id: str, number: int | None, *, fresh: bool = False) -> Opened:
        stored = await self._documents.get(document_id, number)
        workflow = await asyncio.to_thread(workflow_of, stored.document)
        info = await self._node_types.of(workflow, fresh=fresh)
        return Opened(stored=stored, workflow=workflow, object_info=info)

    async def inputs(self, document_id: str, number: int | None) -> tuple[Binding, ...]:
        """Return what can be set before a run, the inputs of the form first."""
        opened = await self.open(document_id, number)
        return await asyncio.to_thread(find_bindings, opened.workflow, opened.object_info)

    async def prompt(self, document_id: str, number: int | None) -> Json:
        """Return the prompt that ComfyUI would run."""
        opened = await self.open(document_id, number)
        return (await asyncio.to_thread(convert, opened.workflow, opened.object_info)).prompt

    async def validate(self, document_id: str, number: int | None) -> tuple[PromptProblem, ...]:
        """Return what ComfyUI would refuse, with what is installed right now."""
        opened = await self.open(document_id, number, fresh=True)

        def check() -> tuple[PromptProblem, ...]:
            return validate(convert(opened.workflow, opened.object_info).prompt, opened.object_info)

        return await asyncio.to_thread(check)

    async def submit(
        self,
        document_id: str,
        number: int | None,
        runs: Sequence[Mapping[str, Any]],
        job: JobRequest,
        source: JobSource,
    ) -> list[Job]:
        """Queue one job for each of `runs`: values by the name or address of an input. Seeds change as in the editor."""
        stored = await self._documents.get(document_id, number)
        version = stored.version
        metadata = {**job.metadata, "workflow": document_id, "workflow_version": str(version.number)}
        request = TemplateRequest(
            document=stored.document,
            template=version.name,
            jobs=[
                _numbered(job, n, {"values": dict(values), "metadata": metadata})
                for n, values in enumerate(runs)
            ],
        )
        return await self._submission.submit_template(request, current_principal().label, source)

    async def save(self, document_id: str, number: int | None, path: str, *, overwrite: bool) -> str:
        """Write a version to ComfyUI's own workflows. Raise Conflict where there is a file, unless it may be replaced."""
        stored, path = await self._documents.get(document_id, number), user_path(path)
        content = json.dumps(stored.document, ensure_ascii=False).encode()
        try:
            await self._comfy.user_files.write(path, content, overwrite=overwrite)
        except Rejected as error:
            if error.upstream_status == Conflict.status:
                raise Conflict(
                    f"ComfyUI has a workflow `{path}` already. Choose another name, or replace it with `overwrite`.",
                    code="file_exists",
                ) from None
            raise
        return path


def _numbered(job: JobRequest, number: int, changes: Mapping[str, Any]) -> JobRequest:
    """Return one of several jobs. Each has a key of its own, the first the one that was given."""
    key = job.idempotency_key
    return job.model_copy(update={**changes, "idempotency_key": f"{key}/{number}" if key and number else key})
