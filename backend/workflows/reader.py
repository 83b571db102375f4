"""Reads a workflow from a file: JSON in either format, or a picture, video or sound that ComfyUI saved."""

from typing import Any, BinaryIO

from backend.core.errors import InvalidRequest
from backend.workflows.api_format import read_api
from backend.workflows.graph import Json, Workflow
from backend.workflows.metadata import NAMES, embedded_texts, is_media
from backend.workflows.parsing import MAX_BYTES, as_dict, parse_json
from backend.workflows.ui_format import read_ui

MAX_NODES = 20_000


def read_workflow(content: bytes) -> Workflow:
    """Read a file; raise InvalidRequest with the reason when it holds no workflow.

    The work is linear and may take half a second for the largest file: call it in a thread.
    """
    if is_media(content):
        return _read_media(content)
    if not content.strip():
        raise InvalidRequest("The workflow is empty. Drop a workflow file, or paste its JSON.", code="empty")
    return workflow_of(parse_json(content))


def read_workflow_file(file: BinaryIO) -> Workflow:
    """Read an open file. Of a video only the headers are read, however long it is."""
    start = file.read(16)
    file.seek(0)
    if is_media(start):
        return _read_media(file)
    return read_workflow(file.read(MAX_BYTES + 1))


def workflow_of(document: Any) -> Workflow:
    """Read JSON that is parsed already."""
    document = _decoded(document)
    workflow = read_ui(document)
    if not any(workflow.all_nodes):
        workflow = read_api(document)
    _check_limits(workflow)
    return workflow


def _check_limits(workflow: Workflow) -> None:
    nodes = sum(1 for _ in workflow.all_nodes)
    if not nodes:
        raise InvalidRequest(
            "This is not a ComfyUI workflow: it has no nodes. Export it in ComfyUI (Workflow → Export), "
            "or drop a picture that ComfyUI saved.",
            code="not_a_workflow",
        )
    if nodes > MAX_NODES:
        raise InvalidRequest(f"The workflow has more than {MAX_NODES} nodes.", code="too_large")


def _decoded(document: Any) -> Json:
    """Return the document, with graphs that it holds as text. VHS writes such JSON in JSON."""
    outer = as_dict(parse_json(document) if isinstance(document, str) else document)
    graphs = {name: outer[name] for name in NAMES if isinstance(outer.get(name), str)}
    return outer | {name: as_dict(parse_json(text)) for name, text in graphs.items()}


def _read_media(content: bytes | BinaryIO) -> Workflow:
    texts = embedded_texts(content)
    text = texts.get("workflow") or texts.get("prompt")
    if text is None:
        raise InvalidRequest(
            "This file holds no workflow. Pictures, videos and sounds keep it only when ComfyUI saved them "
            "and no other program has rewritten them since.",
            code="no_workflow",
        )
    return workflow_of(parse_json(text))
