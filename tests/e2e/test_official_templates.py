"""A user runs an official template without opening ComfyUI: the prompt is the one that ComfyUI's editor makes.

Eight templates of different kinds are compared. `EDITOR_TEMPLATES=all` compares all of them, which takes
minutes; a list of names compares those.
"""

import json
import os
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Route

from backend.workflows.convert import convert
from backend.workflows.reader import workflow_of
from tests.support.comfyui_editor.node_types import object_info
from tests.support.comfyui_editor.server import running_editor
from tests.support.comfyui_editor.templates import template, template_names

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]
Prompt = dict[str, dict[str, Any]]

SAMPLE = (
    "image_z_image_turbo",
    "flux_kontext_dev_basic",
    "video_wan2_2_14B_s2v",
    "utility_interpolation_image_upscale",
    "image_newbieimage_exp0_1-t2i",
    "audio_ace_step_1_t2a_song",
    "image_boogu_image_0_1_edit",
    "image_krea2_turbo_t2i",
)
# Where the editor's prompt is not the better one; docs/workflows.md says why.
DIFFERENT = {
    "3d_hunyuan3d-v2.1": "the editor gives values to the wrong widgets",
    "3d_hunyuan3d_image_to_model": "the editor gives values to the wrong widgets",
    "3d_pixal3d_trellis2_image_to_model": "needs a newer ComfyUI, and has the camera of a 3D viewer",
    "flux1_dev_uso_reference_image_gen": "the editor keeps nodes of a bypassed subgraph",
}
READY = """() => window.app?.vueAppReady && window.app.graph
    && Object.keys(window.LiteGraph?.registered_node_types ?? {}).length > 100"""
CONVERT = """async (graph) => {
    await app.loadGraphData(graph, true, false, null)
    return JSON.stringify((await app.graphToPrompt()).output)
}"""


def chosen() -> list[str]:
    names = os.environ.get("EDITOR_TEMPLATES", "")
    if names == "all":
        return [name for name in template_names() if _is_known(template(name))]
    return names.split(",") if names else list(SAMPLE)


@pytest.fixture(scope="module")
def editor(browser: Browser) -> Iterator[Page]:
    """ComfyUI's editor, which reaches nothing but its own server."""
    with running_editor() as url:
        page = browser.new_page(viewport={"width": 64, "height": 64})

        def stay_here(route: Route) -> None:
            route.continue_() if route.request.url.startswith(url) else route.abort()

        page.route("**/*", stay_here)
        page.goto(url)
        page.wait_for_function(READY, polling=200, timeout=120_000)
        page.evaluate("() => { app.canvas.pause_rendering = true; app.canvas.draw = () => {} }")
        yield page
        page.close()


@pytest.mark.parametrize("name", chosen())
def test_a_template_becomes_the_prompt_that_the_editor_makes(editor: Page, name: str) -> None:
    if name in DIFFERENT:
        pytest.skip(DIFFERENT[name])
    graph = template(name)
    expected: Prompt = json.loads(editor.evaluate(CONVERT, graph))
    found = convert(workflow_of(graph), object_info()).prompt
    assert _without_ids(found) == _without_ids(expected)


def _is_known(graph: dict[str, Any]) -> bool:
    conversion = convert(workflow_of(graph), object_info())
    return not conversion.unknown_types


def _without_ids(prompt: Prompt) -> list[str]:
    """Return the nodes with their declared inputs, each link as the whole node that it comes from.

    The editor renumbers nodes where two graphs of a file use the same id.
    """
    texts: dict[str, str] = {}

    def text_of(key: str) -> str:
        if key not in texts:
            node = prompt[key]
            declared = {
                name: [text_of(value[0]), value[1]] if isinstance(value, list) else value
                for name, value in node["inputs"].items()
                if _is_declared(node["class_type"], name)
            }
            whole = json.dumps([node["class_type"], declared], sort_keys=True)
            texts[key] = whole if len(whole) < 2_000 else str(hash(whole))
        return texts[key]

    return sorted(map(text_of, prompt))


def _is_declared(node_type: str, name: str) -> bool:
    groups = object_info()[node_type]["input"].values()
    return node_type == "CustomCombo" or any(name.partition(".")[0] in group for group in groups)
