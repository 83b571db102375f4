"""The node types that ComfyUI knows: what each takes and returns."""

import asyncio
import sys
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Self

from backend.comfy.identity import ProcessIdentity
from backend.comfy.transport import MEGABYTE, Transport, segment
from backend.comfy.wire import as_dict, as_text
from backend.core.async_tools import SingleFlight

# ComfyUI answers one after the other; more at once only makes each of them wait.
REQUESTS_AT_ONCE = 8
# With many custom nodes, `/object_info` has tens of megabytes.
MOST_BYTES = 128 * MEGABYTE
MOST_CACHED = 500


@dataclass(frozen=True, kw_only=True)
class NodeType:
    """A node type, as `/object_info` describes it."""

    name: str
    display_name: str
    category: str
    # Where it comes from: `nodes` and `comfy_extras.…` for ComfyUI's own, `custom_nodes.NAME` for an installed one.
    module: str
    # Whether it writes or shows something, so that a prompt runs for it.
    is_output: bool
    # The types of its outputs.
    outputs: tuple[str, ...]
    # The inputs with a menu, and what each menu offers.
    menus: dict[str, tuple[str, ...]] = field(default_factory=dict)
    # Everything that ComfyUI says, for conversion and validation.
    raw: dict[str, Any] = field(repr=False, default_factory=dict)

    @classmethod
    def from_info(cls, name: str, info: dict[str, Any]) -> Self:
        outputs = info.get("output")
        menus = {each: _menu(spec) for each, spec in _inputs(info).items()}
        return cls(
            name=name,
            display_name=as_text(info.get("display_name")) or name,
            category=as_text(info.get("category")),
            module=as_text(info.get("python_module")),
            is_output=info.get("output_node") is True,
            outputs=tuple(str(output) for output in outputs) if isinstance(outputs, list) else (),
            menus={each: menu for each, menu in menus.items() if menu is not None},
            raw=info,
        )


@dataclass(frozen=True, kw_only=True)
class NodeSummary:
    """What is needed to search among thousands of node types."""

    name: str
    display_name: str
    category: str
    module: str
    description: str
    is_output: bool
    is_deprecated: bool
    # Types of its inputs, except menus, and of its outputs.
    takes: frozenset[str] = frozenset()
    makes: frozenset[str] = frozenset()


class NodeTypes:
    """Node types of one ComfyUI, cached until it restarts.

    Only menus change while it runs: those of model files, whenever a file arrives. For these, use
    `ModelFolders`, or `describe` with `fresh`.
    """

    def __init__(self, transport: Transport, identity: ProcessIdentity):
        self._transport = transport
        self._identity = identity
        self._process = ""
        # The least recently used first; None for a name that ComfyUI does not know.
        self._cached: OrderedDict[str, NodeType | None] = OrderedDict()
        self._summaries: dict[str, NodeSummary] | None = None
        self._loading: SingleFlight[str, dict[str, NodeSummary]] = SingleFlight()

    async def describe(self, names: Iterable[str], *, fresh: bool = False) -> dict[str, NodeType]:
        """Return those of `names` that ComfyUI knows. Each is asked for on its own: all at once takes seconds."""
        wanted = sorted(set(names))
        await self._forget_after_restart()
        missing = [name for name in wanted if fresh or name not in self._cached]
        limit = asyncio.Semaphore(REQUESTS_AT_ONCE)

        async def ask(name: str) -> NodeType | None:
            async with limit:
                return await self._ask(name)

        found = dict(zip(missing, await asyncio.gather(*(ask(name) for name in missing)), strict=True))
        known = {name: found[name] if name in found else self._cached[name] for name in wanted}
        for name, node_type in known.items():
            self._keep(name, node_type)
        return {name: node_type for name, node_type in known.items() if node_type}

    async def summaries(self) -> dict[str, NodeSummary]:
        """Return every node type that ComfyUI knows, by name. The first call after its start takes seconds."""
        await self._forget_after_restart()
        if self._summaries is None:
            self._summaries = await self._loading.run(self._process, self._ask_for_all)
        return self._summaries

    async def _ask_for_all(self) -> dict[str, NodeSummary]:
        seconds = self._transport.timing.all_node_types
        found = await self._transport.get_json("/object_info", most_bytes=MOST_BYTES, seconds=seconds)
        everything = as_dict(found, "GET /object_info")
        return {name: _summary(name, info) for name, info in everything.items() if isinstance(info, dict)}

    async def _ask(self, name: str) -> NodeType | None:
        ending = segment(name)
        if ending is None:
            return None
        path = f"/object_info/{ending}"
        info = as_dict(await self._transport.get_json(path), f"GET {path}").get(name)
        return NodeType.from_info(name, info) if isinstance(info, dict) else None

    async def _forget_after_restart(self) -> None:
        process = await self._identity.current()
        if process != self._process:
            self._process = process
            self._cached.clear()
            self._summaries = None

    def _keep(self, name: str, node_type: NodeType | None) -> None:
        self._cached[name] = node_type
        self._cached.move_to_end(name)
        if len(self._cached) > MOST_CACHED:
            self._cached.popitem(last=False)


def _summary(name: str, info: dict[str, Any]) -> NodeSummary:
    return NodeSummary(
        name=name,
        display_name=as_text(info.get("display_name")) or name,
        category=as_text(info.get("category")),
        module=as_text(info.get("python_module")),
        description=as_text(info.get("description")),
        is_output=info.get("output_node") is True,
        is_deprecated=info.get("deprecated") is True,
        takes=frozenset(_types(_first(spec) for spec in _inputs(info).values())),
        makes=frozenset(_types(info.get("output"))),
    )


def _first(spec: Any) -> Any:
    return spec[0] if isinstance(spec, list) and spec else None


def _types(found: Any) -> list[str]:
    """Return names of types, each text only once in memory: thousands of node types share a few."""
    return [sys.intern(name) for name in found or () if isinstance(name, str)]


def _inputs(info: dict[str, Any]) -> dict[str, Any]:
    """Return what is declared for each visible input."""
    sections = info.get("input")
    found = [sections.get(kind) for kind in ("required", "optional")] if isinstance(sections, dict) else []
    return {str(name): spec for part in found if isinstance(part, dict) for name, spec in part.items()}


def _menu(spec: Any) -> tuple[str, ...] | None:
    """Read `[[options], {…}]` or `["COMBO", {"options": […]}]`; None for an input without a menu."""
    if not isinstance(spec, list) or not spec:
        return None
    options = spec[0]
    if options == "COMBO":
        options = spec[1].get("options") if len(spec) > 1 and isinstance(spec[1], dict) else None
    return tuple(str(option) for option in options) if isinstance(options, list) else None
