"""Reads the outputs of nodes: every kind, whatever list it is in."""

from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any

from backend.comfy.outcomes import Output, OutputFile, OutputText
from backend.comfy.redaction import LONGEST_TEXT

FILE_TYPES = {"output", "temp", "input"}
# Nodes for 3D models name their file by a bare text.
BARE_NAMES = {".obj", ".fbx", ".gltf", ".glb", ".usdz", ".stl", ".ply", ".splat", ".ksplat", ".spz"}
# Says of each image whether it moves, and names no file.
NO_OUTPUTS = {"animated"}
MOST_OUTPUTS = 10_000


def read_outputs(data: Any) -> tuple[Output, ...]:
    """Return the files and texts of every node. What fits none of the known forms is left out."""
    if not isinstance(data, dict):
        return ()
    found = (output for node_id, shown in data.items() for output in read_node_outputs(str(node_id), shown))
    return tuple(output for output, _ in zip(found, range(MOST_OUTPUTS), strict=False))


def read_node_outputs(node_id: str, shown: Any) -> Iterator[Output]:
    if not isinstance(shown, dict):
        return
    for kind, items in shown.items():
        if kind in NO_OUTPUTS or not isinstance(items, list):
            continue
        for item in items:
            output = _read_item(node_id, str(kind), item)
            if output:
                yield output


def _read_item(node_id: str, kind: str, item: Any) -> Output | None:
    if isinstance(item, str):
        if PurePosixPath(item).suffix.lower() in BARE_NAMES:
            return _split(node_id, kind, item)
        return OutputText(node_id=node_id, kind=kind, text=item[:LONGEST_TEXT])
    if not isinstance(item, dict) or not isinstance(item.get("filename"), str) or not item["filename"]:
        return None
    type_ = item.get("type", "output")
    if type_ not in FILE_TYPES:
        return None
    # The jobs API turns bare names into objects, with the folder left in the name.
    if item.get("mediaType") == "3d" and not item.get("subfolder"):
        return _split(node_id, kind, item["filename"])
    subfolder, format_ = item.get("subfolder"), item.get("format")
    return OutputFile(
        node_id=node_id,
        kind=kind,
        filename=item["filename"],
        subfolder=subfolder if isinstance(subfolder, str) else "",
        type=type_,
        format=format_ if isinstance(format_, str) else None,
    )


def _split(node_id: str, kind: str, path: str) -> OutputFile:
    """`/view` looks at the name alone, so folders in it have to become the subfolder."""
    folder, _, name = path.replace("\\", "/").rpartition("/")
    return OutputFile(node_id=node_id, kind=kind, filename=name, subfolder=folder)
