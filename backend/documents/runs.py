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
from backend.jobs.schemas import JobRequest, SubmitRequest
from backend.jobs.service import Jobs
from backend.workflows.bindings import Binding, apply, find_bindings, roll_seeds
from backend.workflows.convert import convert
from backend.workflows.graph import Json, Workflow, WorkflowFormat
from backend.workflows.parsing import as_dict
from backend.workflows.reader import workflow_of
from backend.workflows.validation import PromptProblem, validate


@dataclass(frozen=True, kw_only=True)
class Opened:
    """A version with everything that is needed to convert it."""

    stored: Stored
    workflow: Workflow
    object_info: Json


class Runs:
    def __init__(self, documents: Documents, node_types: NodeTypeSource, comfy: ComfyClient, jobs: Jobs):
        self._documents = documents
        self._node_types = node_types
        self._comfy = comfy
        self._jobs = jobs

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
        opened = await self.open(document_id, number)
        prompts = await asyncio.to_thread(_prompts, opened, runs)
        version = opened.stored.version
        metadata = {**job.metadata, "workflow": document_id, "workflow_version": str(version.number)}
        graph = opened.stored.document if version.format is WorkflowFormat.UI else None
        request = SubmitRequest(
            prompt=prompts[0],
            workflow=graph,
            template=version.name,
            jobs=[
                job.model_copy(
                    update={"values": _differences(prompts[0], prompt), "metadata": metadata}
                    | ({"idempotency_key": f"{job.idempotency_key}/{n}"} if job.idempotency_key and n else {})
                )
                for n, prompt in enumerate(prompts)
            ],
        )
        return await self._jobs.submit(request, current_principal().label, source)

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


def _prompts(opened: Opened, runs: Sequence[Mapping[str, Any]]) -> list[Json]:
    bindings = find_bindings(opened.workflow, opened.object_info)
    found = []
    previous: dict[str, int] | None = None
    for values in runs:
        seeds = roll_seeds(bindings, values, previous)
        previous = {**(previous or {}), **seeds}
        found.append(apply(opened.workflow, opened.object_info, bindings, {**seeds, **values}).prompt)
    return found


def _differences(first: Json, prompt: Json) -> Json:
    """Return the values of `prompt` that the first one has differently, by their addresses."""
    return {
        f"{key}.{name}": value
        for key, node in prompt.items()
        for name, value in as_dict(as_dict(node).get("inputs")).items()
        if as_dict(as_dict(first.get(key)).get("inputs")).get(name) != value
    }
