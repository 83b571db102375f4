"""What the API of workflow documents takes and returns."""

from collections.abc import Iterable
from datetime import datetime
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, JsonValue, model_validator

from backend.documents.models import Head, Stored, Version
from backend.documents.opening import MAX_NAME
from backend.documents.service import Changed
from backend.jobs.models import DEFAULT_PRIORITY, HIGHEST_PRIORITY, LOWEST_PRIORITY
from backend.workflows.bindings import Binding
from backend.workflows.graph import WorkflowFormat
from backend.workflows.patch import (
    AddNode,
    Change,
    Connect,
    Disconnect,
    Operation,
    RemoveNode,
    Rename,
    ReplaceNode,
    SetInput,
    SetMode,
    SwapModel,
    as_text,
)
from backend.workflows.patch.changes import Section
from backend.workflows.validation import PromptProblem

MAX_OPERATIONS = 500
MAX_RUNS = 1000
MAX_TEXT = 50_000

NodeId = Annotated[str, Field(max_length=100, description="Id of a node, such as `6`.")]
InputName = Annotated[str, Field(max_length=200, description="Name of an input, such as `steps`.")]
Slot = Annotated[int, Field(ge=0, le=10_000, description="Position of the output, from 0.")]
TypeName = Annotated[str, Field(max_length=200, description="Name of a node type, such as `KSampler`.")]
Reason = Annotated[
    str, Field(max_length=MAX_NAME, description="What changes and why; shown in the list of versions.")
]
Base = Annotated[
    int,
    Field(ge=1, le=1_000_000, description="The version that was read. Refused unless it is the newest one."),
]
VersionNumber = Annotated[
    int | None, Field(default=None, ge=1, le=1_000_000, description="Default: the newest version.")
]


class _OperationRequest(BaseModel):
    model_config = ConfigDict(extra="forbid")

    graph: str | None = Field(
        default=None, max_length=100, description="Id of a subgraph; null for the workflow's own graph."
    )

    def _fields(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in type(self).model_fields if name != "op"}


class SetInputRequest(_OperationRequest):
    """Set the value of a widget."""

    op: Literal["set_input"]
    node: NodeId
    input: InputName
    value: JsonValue

    def operation(self) -> Operation:
        return SetInput(**self._fields())


class AddNodeRequest(_OperationRequest):
    """Add a node with default values, and with those of `inputs`."""

    op: Literal["add_node"]
    type: TypeName
    inputs: dict[str, JsonValue] = Field(default_factory=dict, max_length=1000)
    title: str | None = Field(default=None, max_length=MAX_NAME)

    def operation(self) -> Operation:
        return AddNode(**self._fields())


class RemoveNodeRequest(_OperationRequest):
    """Remove a node with its links."""

    op: Literal["remove_node"]
    node: NodeId

    def operation(self) -> Operation:
        return RemoveNode(**self._fields())


class ReplaceNodeRequest(_OperationRequest):
    """Replace a node by one of another type; values and links that fit stay."""

    op: Literal["replace_node"]
    node: NodeId
    type: TypeName

    def operation(self) -> Operation:
        return ReplaceNode(**self._fields())


class ConnectRequest(_OperationRequest):
    """Link an output to an input; what was linked to the input is unlinked."""

    op: Literal["connect"]
    origin: NodeId
    slot: Slot
    target: NodeId
    input: InputName

    def operation(self) -> Operation:
        return Connect(**self._fields())


class DisconnectRequest(_OperationRequest):
    """Remove what is linked to an input."""

    op: Literal["disconnect"]
    target: NodeId
    input: InputName

    def operation(self) -> Operation:
        return Disconnect(**self._fields())


class SetModeRequest(_OperationRequest):
    """Make a node active, muted or bypassed."""

    op: Literal["set_mode"]
    node: NodeId
    mode: Literal["active", "muted", "bypassed"]

    def operation(self) -> Operation:
        return SetMode(**self._fields())


class RenameRequest(_OperationRequest):
    """Give a node a title."""

    op: Literal["rename"]
    node: NodeId
    title: str = Field(max_length=MAX_NAME)

    def operation(self) -> Operation:
        return Rename(**self._fields())


class SwapModelRequest(_OperationRequest):
    """Choose another file wherever one is chosen, in all subgraphs too."""

    op: Literal["swap_model"]
    old: str = Field(min_length=1, max_length=500)
    new: str = Field(min_length=1, max_length=500)

    def operation(self) -> Operation:
        return SwapModel(**self._fields())


OperationRequest = Annotated[
    SetInputRequest
    | AddNodeRequest
    | RemoveNodeRequest
    | ReplaceNodeRequest
    | ConnectRequest
    | DisconnectRequest
    | SetModeRequest
    | RenameRequest
    | SwapModelRequest,
    Field(discriminator="op"),
]
Operations = Annotated[list[OperationRequest], Field(min_length=1, max_length=MAX_OPERATIONS)]


class OpenRequest(BaseModel):
    """A new document from one of these sources. Files are sent to `/api/workflows/file`."""

    name: str = Field(default="", max_length=MAX_NAME, description="Default: the name of the source.")
    document: dict[str, Any] | None = Field(default=None, description="A workflow in either format.")
    comfyui_path: str | None = Field(
        default=None, min_length=1, max_length=500, description="A workflow saved in ComfyUI: `cat.json`."
    )
    template_id: str | None = Field(default=None, min_length=1, max_length=500, description="A template.")
    job_id: str | None = Field(default=None, min_length=1, max_length=64, description="What a job ran.")
    workflow_id: str | None = Field(
        default=None, min_length=1, max_length=64, description="A document to copy."
    )
    version: VersionNumber = None

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        sources = (self.document, self.comfyui_path, self.template_id, self.job_id, self.workflow_id)
        if sum(source is not None for source in sources) != 1:
            raise ValueError(
                "give exactly one of `document`, `comfyui_path`, `template_id`, `job_id` and `workflow_id`"
            )
        return self


class PatchRequest(BaseModel):
    base: Base
    operations: Operations
    reason: Reason = ""


class ReplaceRequest(BaseModel):
    base: Base
    document: dict[str, Any] = Field(description="The whole workflow, in the format that it has.")
    reason: Reason = ""


class UndoRequest(BaseModel):
    base: Base


class RevertRequest(BaseModel):
    base: Base
    version: int = Field(ge=1, le=1_000_000)
    reason: Reason = ""


class SaveRequest(BaseModel):
    path: str = Field(
        min_length=1, max_length=500, description="Below ComfyUI's folder `workflows`: `cat.json`."
    )
    version: VersionNumber = None
    overwrite: bool = False


def _one_run() -> list[dict[str, JsonValue]]:
    return [{}]


class RunRequest(BaseModel):
    version: VersionNumber = None
    runs: list[dict[str, JsonValue]] = Field(
        default_factory=_one_run,
        min_length=1,
        max_length=MAX_RUNS,
        description='Values of each run, by the name or the address of an input: `{"prompt": "a cat", "57:3.steps": 8}`.',
    )
    name: str = Field(default="", max_length=MAX_NAME)
    priority: int = Field(
        default=DEFAULT_PRIORITY, ge=HIGHEST_PRIORITY, le=LOWEST_PRIORITY, description="1 runs next."
    )
    idempotency_key: str | None = Field(default=None, min_length=1, max_length=200)


class VersionView(BaseModel):
    version: int
    parent: int | None
    restores: int | None = Field(description="The version whose content this one has again.")
    name: str
    author: str
    reason: str
    format: WorkflowFormat
    nodes: int
    created_at: datetime

    @classmethod
    def of(cls, version: Version) -> Self:
        return cls(version=version.number, **_fields_of(version))


class DocumentView(VersionView):
    """A document: its newest version."""

    id: str

    @classmethod
    def of_head(cls, head: Head) -> Self:
        return cls(id=head.id, version=head.version.number, **_fields_of(head.version))


class DocumentDetails(DocumentView):
    document: dict[str, Any]

    @classmethod
    def of_stored(cls, stored: Stored) -> Self:
        fields = _fields_of(stored.version)
        return cls(id=stored.id, version=stored.version.number, document=stored.document, **fields)


class ChangeView(BaseModel):
    """One node, link or field before and after; null where there is none."""

    graph: str | None
    section: Section
    key: str
    before: Any
    after: Any

    @classmethod
    def of(cls, change: Change) -> Self:
        return cls.model_validate(change, from_attributes=True)


class Diff(BaseModel):
    text: str = Field(description="One line for each change, at most 50,000 characters.")
    changes: list[ChangeView]

    @classmethod
    def of(cls, changes: Iterable[Change]) -> Self:
        changes = tuple(changes)
        return cls(
            text=shortened(as_text(changes), MAX_TEXT), changes=[ChangeView.of(each) for each in changes]
        )


class PatchReport(BaseModel):
    workflow: DocumentView = Field(
        description="Its newest version; the one before when nothing was different."
    )
    diff: Diff

    @classmethod
    def of(cls, changed: Changed) -> Self:
        return cls(workflow=DocumentView.of_head(changed.head), diff=Diff.of(changed.changes))


class WorkflowProblem(BaseModel):
    code: str
    message: str
    node_id: str | None
    node_type: str | None
    node_title: str | None
    input: str | None


class ValidationReport(BaseModel):
    valid: bool
    problems: list[WorkflowProblem] = Field(description="At most 200.")

    @classmethod
    def of(cls, problems: Iterable[PromptProblem]) -> Self:
        found = [WorkflowProblem.model_validate(problem, from_attributes=True) for problem in problems]
        return cls(valid=not found, problems=found)


class InputView(BaseModel):
    name: str
    address: str = Field(description="NODE.INPUT")
    title: str
    kind: str
    type: str
    default: Any
    natural: bool = Field(description="Part of the form.")

    @classmethod
    def of(cls, item: Binding) -> Self:
        return cls(
            name=item.name,
            address=item.address,
            title=item.title,
            kind=item.kind,
            type=item.signature.type,
            default=item.default,
            natural=item.natural,
        )


class SaveReport(BaseModel):
    path: str


def shortened(text: str, limit: int) -> str:
    """Return the text, cut at a line end where it is too long."""
    if len(text) <= limit:
        return text
    kept = text[:limit].rpartition("\n")[0] or text[:limit]
    return f"{kept}\n… and {text.count(chr(10)) - kept.count(chr(10))} more lines"


def _fields_of(version: Version) -> dict[str, Any]:
    names = ("parent", "restores", "name", "author", "reason", "format", "nodes", "created_at")
    return {name: getattr(version, name) for name in names}
