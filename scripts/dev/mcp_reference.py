"""`python -m scripts.dev.mcp_reference`: write the list of tools in docs/mcp.md anew. A test fails while it is out of date."""

import inspect
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Any, TypeVar

from mcp.server.mcpserver.tools.base import Tool as SdkTool

from backend.auth.tools import Tool
from backend.mcp.catalogue import all_tools
from backend.web.features import Registry

PAGE = Path(__file__).resolve().parents[2] / "docs" / "mcp.md"
START, END = "<!-- tools: written by scripts/dev/mcp_reference.py -->\n", "<!-- end of tools -->\n"

Service = TypeVar("Service")


class Unstarted(Registry):
    """Gives out services that no feature has started: good enough to look at signatures."""

    def get(self, kind: type[Service]) -> Service:
        return object.__new__(kind)


def main() -> None:
    page = PAGE.read_text(encoding="utf-8")
    PAGE.write_text(with_reference(page), encoding="utf-8")


def with_reference(page: str) -> str:
    """Return the page with the present list of tools."""
    before, rest = page.split(START)
    _, after = rest.split(END)
    return f"{before}{START}\n{reference()}\n{END}{after}"


def reference() -> str:
    tools = sorted(all_tools(Unstarted()), key=_group)
    return "\n".join(line for group, found in groupby(tools, _group) for line in _section(group, found))


def _group(tool: Tool) -> str:
    return tool.name.partition("_")[0]


def _section(group: str, tools: Iterator[Tool]) -> Iterator[str]:
    yield f"### {group.capitalize()}\n"
    yield "| Tool | Scope | What it does | Arguments |"
    yield "|---|---|---|---|"
    for tool in tools:
        description = " ".join((inspect.getdoc(tool.run) or "").split())
        yield f"| `{tool.name}` | {_scope(tool)} | {_cell(description)} | {_cell(_arguments(tool))} |"
    yield ""


def _scope(tool: Tool) -> str:
    flags = [f"`{tool.scope}`", *(["destructive"] if tool.destructive else [])]
    return ", ".join(flags)


def _arguments(tool: Tool) -> str:
    schema = SdkTool.from_function(tool.run).parameters
    required = set(schema.get("required", ()))
    return ", ".join(f"**{name}**" if name in required else name for name in _names(schema))


def _names(schema: dict[str, Any]) -> list[str]:
    return list(schema.get("properties", {}))


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    main()
