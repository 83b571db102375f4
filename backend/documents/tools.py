"""Tools for workflows: open, look, patch, compare, check, run."""

import asyncio
import json
from typing import Annotated

from pydantic import BaseModel, Field, JsonValue

from backend.auth.principal import Scope
from backend.auth.tools import Tool
from backend.comfy.errors import Unreachable
from backend.core.errors import InvalidRequest
from backend.documents.models import Head
from backend.documents.node_types import NodeTypeSource
from backend.documents.opening import Opening
from backend.documents.outline import Outline, outline_of
from backend.documents.runs import Runs
from backend.documents.schemas import (
    Base,
    DocumentView,
    InputView,
    Operations,
    Reason,
    SaveReport,
    ValidationReport,
    VersionView,
    shortened,
)
from backend.documents.service import Changed, Documents
from backend.jobs.models import DEFAULT_PRIORITY, HIGHEST_PRIORITY, LOWEST_PRIORITY, JobSource
from backend.jobs.schemas import JobRequest
from backend.web.features import Registry
from backend.workflows.patch import as_text
from backend.workflows.reader import workflow_of

MAX_DIFF = 20_000
MAX_DOCUMENT = 60_000
MAX_RUNS = 200
MAX_INPUTS = 100

WorkflowId = Annotated[str, Field(max_length=64, description="Id of a workflow document.")]
Number = Annotated[int | None, Field(ge=1, le=1_000_000, description="Version; default: the newest one.")]
OptionalText = Annotated[str | None, Field(max_length=500)]


class ChangeReport(BaseModel):
    workflow: DocumentView = Field(
        description="Its newest version. Use its `version` as `base` of the next change."
    )
    diff: str = Field(description="One line for each change; empty when nothing was different.")


class WorkflowReport(BaseModel):
    workflow: DocumentView
    outline: Outline
    versions: list[VersionView] = Field(description="The newest ten.")


class SubmittedJobs(BaseModel):
    batch_id: str | None
    job_ids: list[str]


class WorkflowTools:
    def __init__(self, documents: Documents, opening: Opening, runs: Runs, node_types: NodeTypeSource):
        self._documents = documents
        self._opening = opening
        self._runs = runs
        self._node_types = node_types

    async def workflows_list(
        self,
        query: Annotated[
            str, Field(max_length=200, description="Words that must all occur in the name.")
        ] = "",
        limit: Annotated[int, Field(ge=1, le=100)] = 20,
    ) -> list[DocumentView]:
        """List workflow documents of this pod, the last changed one first."""
        return [DocumentView.of_head(head) for head in await self._documents.page(query.split(), limit)]

    async def workflows_open(
        self,
        template_id: Annotated[
            OptionalText, Field(description="A template, from `templates_search`.")
        ] = None,
        job_id: Annotated[OptionalText, Field(description="What a job ran: start here to repair it.")] = None,
        comfyui_path: Annotated[
            OptionalText, Field(description="A workflow saved in ComfyUI: `cat.json`.")
        ] = None,
        workflow_id: Annotated[OptionalText, Field(description="A document to copy.")] = None,
        document: Annotated[
            dict[str, JsonValue] | None,
            Field(description="A workflow as JSON, in ComfyUI's UI or API format."),
        ] = None,
        name: Annotated[str, Field(max_length=200, description="Default: the name of the source.")] = "",
    ) -> DocumentView:
        """Make a workflow document from exactly one source. Changes are made to documents, never to the source."""
        sources = (template_id, job_id, comfyui_path, workflow_id, document)
        if sum(source is not None for source in sources) != 1:
            raise InvalidRequest(
                "Give exactly one of `template_id`, `job_id`, `comfyui_path`, `workflow_id` and `document`."
            )
        if document is not None:
            source = await self._opening.document(document)
        elif template_id is not None:
            source = await self._opening.template(template_id)
        elif job_id is not None:
            source = await self._opening.job(job_id)
        elif comfyui_path is not None:
            source = await self._opening.comfyui(comfyui_path)
        else:
            source = await self._opening.copy(workflow_id or "", None)
        return DocumentView.of_head(await self._opening.create(source, name))

    async def workflows_get(
        self,
        workflow_id: WorkflowId,
        version: Number = None,
        nodes: Annotated[
            list[str] | None, Field(max_length=400, description="Only nodes with these ids; default: all.")
        ] = None,
    ) -> WorkflowReport:
        """Return a workflow's nodes with their values and links, by the names and ids that patches use.

        The whole file is the resource `workflow://ID`.
        """
        stored = await self._documents.get(workflow_id, version)
        workflow = await asyncio.to_thread(workflow_of, stored.document)
        try:
            info = await self._node_types.of(workflow)
        except Unreachable:  # widgets then have the names that the file gives them
            info = {}
        wanted = None if nodes is None else set(nodes)
        versions = await self._documents.versions(workflow_id, 10)
        return WorkflowReport(
            workflow=DocumentView.of_head(Head(id=stored.id, version=stored.version)),
            outline=await asyncio.to_thread(outline_of, workflow, info, wanted),
            versions=[VersionView.of(each) for each in versions],
        )

    async def workflows_patch(
        self, workflow_id: WorkflowId, base: Base, operations: Operations, reason: Reason
    ) -> ChangeReport:
        """Change a workflow: set inputs, add, remove, replace, connect, mute or rename nodes, swap models.

        All operations are applied in order, or none. Returns the new version and the diff. It fails when `base` is not the
        newest version: read the workflow again, then apply the change to what it is now.
        """
        requested = [item.operation() for item in operations]
        return _report(await self._documents.patch(workflow_id, base, requested, reason))

    async def workflows_undo(self, workflow_id: WorkflowId, base: Base) -> ChangeReport:
        """Take the last change back, as a new version. Calling it again goes one more step back."""
        return _report(await self._documents.undo(workflow_id, base))

    async def workflows_revert(
        self, workflow_id: WorkflowId, base: Base, version: Annotated[int, Field(ge=1)], reason: Reason = ""
    ) -> ChangeReport:
        """Make a new version with the content of an earlier one."""
        return _report(await self._documents.revert(workflow_id, base, version, reason))

    async def workflows_diff(
        self, workflow_id: WorkflowId, before: Annotated[int, Field(ge=1)], after: Number = None
    ) -> str:
        """Compare two versions of a workflow. Returns one line for each change; an empty text when they are equal."""
        return shortened(as_text(await self._documents.compare(workflow_id, before, after)), MAX_DIFF)

    async def workflows_validate(self, workflow_id: WorkflowId, version: Number = None) -> ValidationReport:
        """Check a workflow against the node types and model files that ComfyUI has. Names node and input of each problem."""
        return ValidationReport.of(await self._runs.validate(workflow_id, version))

    async def workflows_inputs(self, workflow_id: WorkflowId, version: Number = None) -> list[InputView]:
        """List what can be set when the workflow runs: prompts, seeds, sizes and files first, at most 100."""
        return [InputView.of(item) for item in (await self._runs.inputs(workflow_id, version))[:MAX_INPUTS]]

    async def workflows_convert(self, workflow_id: WorkflowId, version: Number = None) -> str:
        """Return the workflow in API format, the prompt that ComfyUI runs, as JSON."""
        text = json.dumps(await self._runs.prompt(workflow_id, version), ensure_ascii=False)
        if len(text) > MAX_DOCUMENT:
            raise InvalidRequest(
                f"The prompt has {len(text):,} characters, more than a tool returns. Use `workflows_get` with node ids."
            )
        return text

    async def workflows_run(
        self,
        workflow_id: WorkflowId,
        runs: Annotated[
            list[dict[str, JsonValue]],
            Field(
                min_length=1,
                max_length=MAX_RUNS,
                description='Values of each run by the name or address of an input: `[{"prompt": "a cat"}]`. `[{}]`: one '
                "run with the workflow's own values.",
            ),
        ],
        version: Number = None,
        name: Annotated[str, Field(max_length=200)] = "",
        priority: Annotated[int, Field(ge=HIGHEST_PRIORITY, le=LOWEST_PRIORITY)] = DEFAULT_PRIORITY,
        idempotency_key: Annotated[
            str | None,
            Field(
                min_length=1,
                max_length=200,
                description="Calling again with the same key returns the first jobs.",
            ),
        ] = None,
    ) -> SubmittedJobs:
        """Queue one job for each entry of `runs`. They use GPU time. Follow them with `jobs_wait`."""
        job = JobRequest(name=name, priority=priority, idempotency_key=idempotency_key)
        jobs = await self._runs.submit(workflow_id, version, runs, job, JobSource.MCP)
        return SubmittedJobs(batch_id=jobs[0].batch_id, job_ids=[each.id for each in jobs])

    async def workflows_save(
        self,
        workflow_id: WorkflowId,
        path: Annotated[
            str, Field(min_length=1, max_length=500, description="Below ComfyUI's workflows: `cat.json`.")
        ],
        version: Number = None,
        overwrite: Annotated[bool, Field(description="Replace the file if there is one.")] = False,
    ) -> SaveReport:
        """Write a workflow to ComfyUI's own workflows, where its editor opens it."""
        return SaveReport(path=await self._runs.save(workflow_id, version, path, overwrite=overwrite))


def tools(registry: Registry) -> tuple[Tool, ...]:
    """Return the tools for workflows."""
    tool = WorkflowTools(
        registry.get(Documents), registry.get(Opening), registry.get(Runs), registry.get(NodeTypeSource)
    )
    return (
        Tool(run=tool.workflows_list, title="List workflows"),
        Tool(run=tool.workflows_open, title="Open a workflow", scope=Scope.RUN),
        Tool(run=tool.workflows_get, title="Read a workflow"),
        Tool(run=tool.workflows_patch, title="Change a workflow", scope=Scope.RUN),
        Tool(run=tool.workflows_undo, title="Undo a change", scope=Scope.RUN),
        Tool(run=tool.workflows_revert, title="Revert a workflow", scope=Scope.RUN),
        Tool(run=tool.workflows_diff, title="Compare versions"),
        Tool(run=tool.workflows_validate, title="Validate a workflow"),
        Tool(run=tool.workflows_inputs, title="List inputs of a workflow"),
        Tool(run=tool.workflows_convert, title="Convert to API format"),
        Tool(run=tool.workflows_run, title="Run a workflow", scope=Scope.RUN),
        Tool(run=tool.workflows_save, title="Save to ComfyUI", scope=Scope.RUN, destructive=True),
    )


def _report(changed: Changed) -> ChangeReport:
    return ChangeReport(workflow=DocumentView.of_head(changed.head), diff=shortened(changed.text, MAX_DIFF))
