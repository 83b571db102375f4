"""Puts values into a workflow and converts it."""

from collections.abc import Iterable, Mapping
from typing import Any

from backend.core.errors import InvalidRequest
from backend.workflows.bindings.models import Binding
from backend.workflows.bindings.schema import checked
from backend.workflows.convert import Conversion, convert
from backend.workflows.graph import Json, Workflow


def apply(
    workflow: Workflow, object_info: Json, bindings: Iterable[Binding], values: Mapping[str, Any]
) -> Conversion:
    """Return the prompt with these values, by the name of a binding or by `NODE.INPUT`.

    Raise InvalidRequest when a name is unknown or a value does not fit.
    """
    bindings = tuple(bindings)
    known = {item.address: item for item in bindings} | {item.name: item for item in bindings}
    replaced: dict[str, Json] = {}
    for name, value in values.items():
        if name not in known:
            raise unknown_input(name, bindings)
        item = known[name]
        replaced.setdefault(item.node_id, {})[item.input] = checked(item, value)
    return convert(workflow, object_info, replaced)


def unknown_input(name: str, bindings: Iterable[Binding]) -> InvalidRequest:
    """Return the error for a name that no input has."""
    names = [item.name for item in bindings if item.natural]
    return InvalidRequest(
        f"The workflow has no input `{name[:100]}`. Its inputs are: {', '.join(names[:30]) or 'none'}.",
        code="unknown_input",
        input=name[:100],
    )
