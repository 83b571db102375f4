"""Changes to a workflow document that keep its layout and subgraphs, each with its inverse and a text."""

from backend.workflows.patch.changes import Change, Patched, apply_changes, inverse
from backend.workflows.patch.compare import compare
from backend.workflows.patch.operations import (
    AddNode,
    Connect,
    Disconnect,
    Operation,
    RemoveNode,
    Rename,
    ReplaceNode,
    SetInput,
    SetMode,
    SwapModel,
    patch,
)
from backend.workflows.patch.text import as_text

__all__ = [
    "AddNode",
    "Change",
    "Connect",
    "Disconnect",
    "Operation",
    "Patched",
    "RemoveNode",
    "Rename",
    "ReplaceNode",
    "SetInput",
    "SetMode",
    "SwapModel",
    "apply_changes",
    "as_text",
    "compare",
    "inverse",
    "patch",
]
