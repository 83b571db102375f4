"""Tools for node types: search, describe, and find what can be linked."""

from typing import Annotated, Any

from pydantic import BaseModel, Field

from backend.auth.tools import Tool
from backend.comfy.client import ComfyClient
from backend.comfy.node_types import NodeSummary, NodeType
from backend.core.errors import InvalidRequest, NotFound
from backend.web.features import Registry
from backend.workflows.graph import types_fit
from backend.workflows.signatures import InputSignature, NodeSignature

MAX_CHOICES = 50
MAX_DESCRIPTION = 500

TypeName = Annotated[str, Field(max_length=200, description="Name of a node type, such as `KSampler`.")]


class NodeFound(BaseModel):
    type: str
    title: str
    category: str
    description: str
    output_node: bool = Field(description="Whether it saves or shows something.")

    @classmethod
    def of(cls, summary: NodeSummary) -> "NodeFound":
        return cls(
            type=summary.name,
            title=summary.display_name,
            category=summary.category,
            description=summary.description[:MAX_DESCRIPTION],
            output_node=summary.is_output,
        )


class NodeInput(BaseModel):
    name: str
    type: str
    required: bool
    widget: bool = Field(description="Whether it has a value; the others are linked.")
    default: Any = None
    minimum: float | None = None
    maximum: float | None = None
    choices: list[Any] = Field(default=[], description="What its menu offers, at most 50.")
    more_choices: int = 0

    @classmethod
    def of(cls, item: InputSignature) -> "NodeInput":
        low, high = item.options.get("min"), item.options.get("max")
        return cls(
            name=item.name,
            type=item.type,
            required=item.required,
            widget=item.is_widget,
            default=item.default if item.is_widget else None,
            minimum=low if isinstance(low, (int, float)) else None,
            maximum=high if isinstance(high, (int, float)) else None,
            choices=list(item.choices[:MAX_CHOICES]),
            more_choices=max(len(item.choices) - MAX_CHOICES, 0),
        )


class NodeDetails(BaseModel):
    type: str
    title: str
    category: str
    module: str = Field(description="Where it comes from: ComfyUI itself, or a custom node.")
    inputs: list[NodeInput]
    outputs: list[str] = Field(description="Types of the outputs, by slot.")
    output_node: bool


class NodeTools:
    def __init__(self, comfy: ComfyClient):
        self._comfy = comfy

    async def nodes_search(
        self,
        query: Annotated[str, Field(max_length=200, description="Words that must all occur.")],
        limit: Annotated[int, Field(ge=1, le=50)] = 20,
    ) -> list[NodeFound]:
        """Search the node types of ComfyUI by name, title, category and description."""
        words = query.lower().split()
        summaries = (await self._comfy.node_types.summaries()).values()
        found = [each for each in summaries if not each.is_deprecated and _matches(each, words)]
        found.sort(key=lambda each: (not _names(each, words), len(each.name), each.name))
        return [NodeFound.of(each) for each in found[:limit]]

    async def nodes_get(self, type: TypeName) -> NodeDetails:  # noqa: A002 - the name that workflows use
        """Return the inputs of a node type with their limits and menus, and its outputs."""
        return await node_details(self._comfy, type)

    async def nodes_compatible(
        self,
        type: TypeName,  # noqa: A002 - the name that workflows use
        output: Annotated[
            int | None, Field(ge=0, le=1000, description="Position of its output: finds what takes it.")
        ] = None,
        input: Annotated[  # noqa: A002
            str | None,
            Field(max_length=200, description="Name of its input: finds what can be linked to it."),
        ] = None,
        limit: Annotated[int, Field(ge=1, le=50)] = 20,
    ) -> list[NodeFound]:
        """Find node types that fit an output or an input of a node type. Give exactly one of the two."""
        signature = NodeSignature.read(type, (await _described(self._comfy, type)).raw)
        if (output is None) == (input is None):
            raise InvalidRequest("Give either `output` or `input`.")
        summaries = (await self._comfy.node_types.summaries()).values()
        if output is not None:
            made = _output(signature, output)
            found = [each for each in summaries if _fits(made, each.takes)]
        else:
            taken = _input(signature, input or "")
            found = [each for each in summaries if _fits(taken, each.makes)]
        usable = sorted((each for each in found if not each.is_deprecated), key=_by_origin)
        return [NodeFound.of(each) for each in usable[:limit]]


async def node_details(comfy: ComfyClient, name: str) -> NodeDetails:
    found = await _described(comfy, name)
    signature = NodeSignature.read(name, found.raw)
    return NodeDetails(
        type=name,
        title=found.display_name,
        category=found.category,
        module=found.module,
        inputs=[NodeInput.of(item) for item in signature.inputs],
        outputs=list(signature.outputs),
        output_node=found.is_output,
    )


async def _described(comfy: ComfyClient, name: str) -> NodeType:
    found = (await comfy.node_types.describe([name])).get(name)
    if found is None:
        raise NotFound(f"ComfyUI has no node type `{name}`. Search with `nodes_search`.")
    return found


def _output(signature: NodeSignature, position: int) -> str:
    if position >= len(signature.outputs):
        raise InvalidRequest(
            f"{signature.name} has {len(signature.outputs)} outputs, so there is none at {position}."
        )
    return signature.outputs[position]


def _input(signature: NodeSignature, name: str) -> str:
    found = signature.input(name)
    if found is None:
        names = ", ".join(item.name for item in signature.inputs)
        raise InvalidRequest(f"{signature.name} has no input `{name}`. Its inputs are: {names}.")
    return found.type


def _fits(kind: str, others: frozenset[str]) -> bool:
    """Return whether one of the others is this type; those that fit anything would drown the list."""
    return any(other != "*" and types_fit(kind, other) for other in others)


def _by_origin(summary: NodeSummary) -> tuple[bool, str]:
    """ComfyUI's own node types first."""
    return summary.module.startswith("custom_nodes"), summary.name


def _names(summary: NodeSummary, words: list[str]) -> bool:
    text = f"{summary.name} {summary.display_name}".lower()
    return all(word in text for word in words)


def _matches(summary: NodeSummary, words: list[str]) -> bool:
    text = f"{summary.name} {summary.display_name} {summary.category} {summary.description}".lower()
    return all(word in text for word in words)


def tools(registry: Registry) -> tuple[Tool, ...]:
    """Return the tools for node types."""
    tool = NodeTools(registry.get(ComfyClient))
    return (
        Tool(run=tool.nodes_search, title="Search node types"),
        Tool(run=tool.nodes_get, title="Describe a node type"),
        Tool(run=tool.nodes_compatible, title="Find compatible node types"),
    )
