"""Nodes that only the editor knows: they shape the prompt and are not part of it.

`tests/backend/workflows/test_official_templates.py` compares this table with ComfyUI's own editor.
"""

from collections.abc import Mapping
from typing import Any

# Their output is whatever is linked to their first input.
PASS_THROUGH = frozenset({"Reroute", "Reroute (rgthree)"})
# Give their first value to whatever they are linked to.
PRIMITIVES = frozenset({"PrimitiveNode"})
# A wireless link: a getter stands for the input of the setter with the same name in its first value.
SETTER, GETTER = "SetNode", "GetNode"
# Notes, and buttons that mute or bypass others.
DECORATION = frozenset(
    {
        "Note",
        "MarkdownNote",
        "Bookmark (rgthree)",
        "Fast Actions Button (rgthree)",
        "Fast Bypasser (rgthree)",
        "Fast Groups Bypasser (rgthree)",
        "Fast Groups Muter (rgthree)",
        "Fast Muter (rgthree)",
        "Label (rgthree)",
        "Mute / Bypass Relay (rgthree)",
        "Mute / Bypass Repeater (rgthree)",
        "Node Collector (rgthree)",
        "Random Unmuter (rgthree)",
    }
)
EDITOR_ONLY = PASS_THROUGH | PRIMITIVES | DECORATION | {SETTER, GETTER}

# Widgets that the editor adds after those that the node declares. `{n}` counts from 1 to the end of the values.
ADDED_WIDGETS: Mapping[str, tuple[str, ...]] = {"CustomCombo": ("index", "option{n}")}

# Widgets whose saved state is the editor's own, and what they send.
CONSTANTS: Mapping[str, Mapping[str, Any]] = {"ImageCompare": {"compare_view": ["", ""]}}


def added_widgets(node_type: str, count: int) -> tuple[str, ...]:
    """Return the names of `count` values that follow the declared widgets; fewer when the editor adds none."""
    names = ADDED_WIDGETS.get(node_type, ())
    if not names:
        return ()
    *fixed, repeated = names
    return (*fixed, *(repeated.format(n=n + 1) for n in range(count - len(fixed))))[:count]
