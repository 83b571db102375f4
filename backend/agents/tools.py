"""A tool as the model sees it, and whether calling it needs the user's approval."""

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, kw_only=True)
class ToolInfo:
    name: str
    title: str
    description: str
    schema: dict[str, Any] = field(default_factory=dict)
    # Whether it changes nothing and costs nothing.
    reads: bool = False
    destructive: bool = False
