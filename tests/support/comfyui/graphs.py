"""Prompts in API format, put together from the nodes that the stand-in and a real ComfyUI share."""

import itertools
import json
from typing import Any

Graph = dict[str, Any]

# Nothing is cached between two tests that take different numbers.
_salts = itertools.count(1)


def fresh() -> int:
    return next(_salts)


def node(class_type: str, **inputs: Any) -> dict[str, Any]:
    return {"class_type": class_type, "inputs": inputs}


def picture(color: int | None = None, *, size: int = 8) -> Graph:
    """One picture that is saved: node 1 makes it, node 9 saves it."""
    color = fresh() if color is None else color
    return {
        "1": node("EmptyImage", width=size, height=size, batch_size=1, color=color),
        "9": node("SaveImage", images=["1", 0], filename_prefix="pictures/test"),
    }


def through(class_type: str, color: int | None = None, **inputs: Any) -> Graph:
    """Return the same, with a node of our own between the two: number 5."""
    graph = picture(color)
    graph["5"] = node(class_type, image=["1", 0], **inputs)
    graph["9"]["inputs"]["images"] = ["5", 0]
    return graph


def showing(**shown: Any) -> Graph:
    """Return a prompt whose output node, 5, shows just that."""
    graph = picture()
    del graph["9"]
    graph["5"] = node("TestShow", image=["1", 0], shown=json.dumps(shown))
    return graph
