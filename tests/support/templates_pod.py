"""A control plane and a stand-in ComfyUI that knows the nodes of the official templates."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from tests.support.comfyui.process import ComfyUI, running
from tests.support.comfyui_editor.node_types import object_info
from tests.support.control_plane import ControlPlane, control_plane_in_a_thread


@dataclass(frozen=True)
class Pod:
    workspace: Path
    comfyui: ComfyUI
    plane: ControlPlane
    # Signed in; a response that its OpenAPI does not declare fails the test.
    http: httpx.Client


@contextmanager
def running_pod(folder: Path) -> Iterator[Pod]:
    workspace = folder / "workspace"
    types = folder / "object_info.json"
    types.parent.mkdir(parents=True, exist_ok=True)
    types.write_text(json.dumps(object_info()))
    comfyui = ComfyUI(workspace / "ComfyUI", environment={"FAKE_COMFYUI_OBJECT_INFO": str(types)})
    with (
        running(comfyui.with_test_nodes()),
        control_plane_in_a_thread(workspace, comfyui_url=comfyui.url) as plane,
        plane.blocking() as http,
    ):
        yield Pod(workspace, comfyui, plane, http)
