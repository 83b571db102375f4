"""A control plane and a stand-in ComfyUI that can run official templates: it knows their nodes and has their models."""

import copy
import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from backend.workflows.convert import convert
from backend.workflows.reader import workflow_of
from tests.support.comfyui.process import ComfyUI, running
from tests.support.comfyui_editor.node_types import object_info
from tests.support.comfyui_editor.templates import template
from tests.support.control_plane import ControlPlane, control_plane_in_a_thread

# Official templates: pictures, inpainting, control, upscaling, video from text, picture and video, audio, 3D, text.
OF_EVERY_KIND = (
    "image_z_image_turbo",
    "image_flux2",
    "image_qwen_image_edit",
    "flux_fill_inpaint_example",
    "flux_canny_model_example",
    "flux_depth_lora_example",
    "sd3.5_large_depth",
    "hidream_i1_dev",
    "template_qwen_image_illustration_lora",
    "utility_image_segment_sam3",
    "utility_interpolation_image_upscale",
    "video_wan_vace_14B_v2v",
    "video_wan_vace_14B_t2v",
    "video_hunyuan_video_1.5_720p_t2v",
    "video_ltx2_5_t2v",
    "video_ltx2_t2v_distilled",
    "ltxv_text_to_video",
    "video_wan2_2_14B_fun_inpaint",
    "audio_ace_step1_5_xl_base",
    "audio_stable_audio_example",
    "3d_hunyuan3d-v2.1",
    "llm_qwen3vl_text_gen",
    "basic_mask_operations_and_compositing",
)


@dataclass(frozen=True)
class Pod:
    workspace: Path
    comfyui: ComfyUI
    plane: ControlPlane
    # Signed in; a response that its OpenAPI does not declare fails the test.
    http: httpx.Client

    def install_models(self, template_id: str) -> None:
        """Make the files that a template needs, of the right size and without content."""
        needed = self.http.get(f"/api/templates/requirements/{template_id}").json()
        for file in needed["files"]:
            if file["folder"]:
                path = self.workspace / "ComfyUI/models" / file["folder"] / file["filename"]
                path.parent.mkdir(parents=True, exist_ok=True)
                with path.open("ab") as content:
                    content.truncate(file["bytes"] or 1)


@contextmanager
def running_pod(folder: Path, templates: Iterable[str] = ()) -> Iterator[Pod]:
    """Run a pod whose ComfyUI accepts what these official templates choose in menus."""
    workspace = folder / "workspace"
    types = folder / "object_info.json"
    types.parent.mkdir(parents=True, exist_ok=True)
    types.write_text(json.dumps(_offering(templates)))
    environment = {"FAKE_COMFYUI_OBJECT_INFO": str(types), "FAKE_COMFYUI_REPLACE_NODES": "1"}
    comfyui = ComfyUI(workspace / "ComfyUI", environment=environment)
    with (
        running(comfyui.with_test_nodes()),
        control_plane_in_a_thread(workspace, comfyui_url=comfyui.url) as plane,
        plane.blocking() as http,
    ):
        yield Pod(workspace, comfyui, plane, http)


def _offering(templates: Iterable[str]) -> dict[str, Any]:
    """Return the node types, with what the templates choose in their menus: it was reduced to defaults."""
    info = copy.deepcopy(object_info())
    for name in templates:
        prompt = convert(workflow_of(template(name)), info).prompt
        for node in prompt.values():
            for group in info[node["class_type"]]["input"].values():
                for key, spec in group.items():
                    _offer(spec, node["inputs"].get(key))
    return info


def _offer(spec: Any, value: Any) -> None:
    if not isinstance(spec, list) or not spec or not isinstance(value, str):
        return
    menu = spec[0] if isinstance(spec[0], list) else None
    if spec[0] == "COMBO" and len(spec) > 1:
        menu = spec[1].setdefault("options", [])
    if menu is not None and value not in menu:
        menu.append(value)
