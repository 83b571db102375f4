"""The natural inputs of a workflow: what one sets before a run, for forms, command line options and tools."""

from backend.workflows.bindings.apply import apply, unknown_input
from backend.workflows.bindings.find import find_bindings
from backend.workflows.bindings.models import Binding, Kind
from backend.workflows.bindings.schema import checked, json_schema
from backend.workflows.bindings.seeds import roll_seeds

__all__ = [
    "Binding",
    "Kind",
    "apply",
    "checked",
    "find_bindings",
    "json_schema",
    "roll_seeds",
    "unknown_input",
]
