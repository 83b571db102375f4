"""An assistant or IDE lists and calls every tool, over both protocol revisions and over stdio."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from mcp import Client
from mcp_types import ImageContent

from tests.backend.conftest import hub_settings
from tests.backend.mcp.clients import WAYS, call, connected, refused
from tests.support.comfyui.graphs import picture, through
from tests.support.comfyui.process import ComfyUI
from tests.support.control_plane import ControlPlane, running_control_plane
from tests.support.hub import Hub, running_hub

pytestmark = pytest.mark.asyncio(loop_scope="module")

# What the agreed list has; more may follow.
EXPECTED = {
    "templates_search", "templates_get", "workflows_list", "workflows_open", "workflows_get", "workflows_patch",
    "workflows_undo", "workflows_revert", "workflows_diff", "workflows_validate", "workflows_inputs",
    "workflows_convert", "workflows_run", "workflows_save", "nodes_search", "nodes_get", "nodes_compatible",
    "jobs_list", "jobs_queue", "jobs_get", "jobs_wait", "jobs_cancel", "jobs_retry", "jobs_priority", "outputs_show",
    "models_search", "models_find", "models_install", "downloads_list", "downloads_get", "downloads_change",
    "presets_search", "presets_get", "presets_download", "pod_status", "services_log", "services_act",
}  # fmt: skip


@pytest.fixture(scope="module")
def model_hub() -> Iterator[Hub]:
    with running_hub() as hub:
        hub.add("org/model", "loras/ink.safetensors", b"ink" * 100)
        yield hub


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def pod(volume: Path, comfyui: ComfyUI, model_hub: Hub) -> AsyncIterator[ControlPlane]:
    async with running_control_plane(volume, comfyui_url=comfyui.url, **hub_settings(model_hub)) as pod:
        yield pod


class Recorded:
    """A client that notes which tools were called."""

    def __init__(self, client: Client):
        self.client = client
        self.called: set[str] = set()

    async def __call__(self, tool: str, /, **arguments: Any) -> Any:
        self.called.add(tool)
        return await call(self.client, tool, **arguments)

    async def fails(self, tool: str, /, **arguments: Any) -> str:
        self.called.add(tool)
        return await refused(self.client, tool, **arguments)


@pytest.mark.parametrize("way", WAYS)
async def test_every_tool_is_listed_and_called(pod: ControlPlane, model_hub: Hub, way: str) -> None:
    async with connected(pod, way, await pod.create_key("admin")) as client:
        tools = {tool.name: tool for tool in (await client.list_tools()).tools}
        assert tools.keys() == EXPECTED
        for tool in tools.values():
            assert tool.title, tool.name
            assert tool.description, tool.name
            assert tool.annotations is not None
            assert tool.annotations.read_only_hint is not None
        use = Recorded(client)
        await look_around(use)
        workflow = await edit_a_workflow(use)
        await run_it(use, workflow)
        await install_a_model(use, model_hub)
        assert use.called == EXPECTED


async def look_around(use: Recorded) -> None:
    assert (await use("pod_status"))["comfyui"]["up"]
    assert await use("models_search", query="nothing here") == {"models": [], "total": 0}
    assert {"type": "SaveImage"}.items() <= (await use("nodes_search", query="save image"))[0].items()
    node = await use("nodes_get", type="EmptyImage")
    assert (node["inputs"][0]["name"], node["outputs"]) == ("width", ["IMAGE"])
    assert "SaveImage" in {
        each["type"] for each in await use("nodes_compatible", type="EmptyImage", output=0)
    }
    found = await use("templates_search", query="z image turbo", limit=1)
    template = await use("templates_get", template_id=found[0]["id"])
    assert "ModelSamplingAuraFlow" in template["problem"]
    assert template["requirements"]["files"]
    presets = await use("presets_search", limit=1)
    assert (await use("presets_get", preset_id=presets[0]["id"]))["total_files"]
    assert "no service called" in await use.fails("services_log", name="comfyui")
    assert "no service called" in await use.fails("services_act", name="comfyui", action="restart")


async def edit_a_workflow(use: Recorded) -> str:
    workflow = (await use("workflows_open", document=picture(1), name="Cat"))["id"]
    assert workflow in {each["id"] for each in await use("workflows_list", query="cat")}
    outline = (await use("workflows_get", workflow_id=workflow))["outline"]
    assert outline["graphs"][0]["nodes"][1]["links"] == {"images": "1.0"}
    set_width = {"op": "set_input", "node": "1", "input": "width", "value": -1}
    done = await use("workflows_patch", workflow_id=workflow, base=1, operations=[set_width], reason="Try")
    assert (done["workflow"]["version"], done["diff"]) == (2, "~ node 1 EmptyImage: inputs.width: 8 → -1")
    message = await use.fails(
        "workflows_patch", workflow_id=workflow, base=1, operations=[set_width], reason=""
    )
    assert "version 2 is there already. Load it" in message
    problems = (await use("workflows_validate", workflow_id=workflow))["problems"]
    assert [each["code"] for each in problems] == ["value_smaller_than_min"]
    assert (await use("workflows_undo", workflow_id=workflow, base=2))["workflow"]["restores"] == 1
    await use("workflows_revert", workflow_id=workflow, base=3, version=2)
    await use("workflows_revert", workflow_id=workflow, base=4, version=1)
    assert await use("workflows_diff", workflow_id=workflow, before=1) == ""
    assert "width" in {each["name"] for each in await use("workflows_inputs", workflow_id=workflow)}
    assert '"EmptyImage"' in await use("workflows_convert", workflow_id=workflow)
    await use("workflows_save", workflow_id=workflow, path="cat.json", overwrite=True)
    return str(workflow)


async def run_it(use: Recorded, workflow: str) -> None:
    submitted = await use("workflows_run", workflow_id=workflow, runs=[{"color": 7}, {"color": 8}])
    waited = await use("jobs_wait", job_ids=submitted["job_ids"])
    assert waited["finished"]
    assert {each["job"]["state"] for each in waited["jobs"]} == {"succeeded"}
    job = submitted["job_ids"][0]
    report = await use("jobs_get", job_id=job)
    assert (report["job"]["source"], report["attempts"][0]["state"]) == ("mcp", "succeeded")
    assert await use("outputs_show", job_id=job)
    shown = await use.client.call_tool("outputs_show", {"job_id": job})
    assert [part.mime_type for part in shown.content if isinstance(part, ImageContent)] == ["image/png"]
    assert job in {each["id"] for each in await use("jobs_list", states=["succeeded"], limit=100)}
    assert (await use("jobs_queue"))["paused"] is False
    slow = (await use("workflows_open", document=through("TestSlow", seconds=0.2, steps=1000)))["id"]
    running = (await use("workflows_run", workflow_id=slow, runs=[{}]))["job_ids"]
    assert (await use("jobs_priority", job_id=running[0], priority=3))["priority"] == 3
    assert not (await use("jobs_wait", job_ids=running, seconds=1))["finished"]
    await use("jobs_cancel", job_ids=running)
    await use("jobs_wait", job_ids=running)
    assert (await use("jobs_retry", job_id=running[0]))["state"] == "queued"
    await use("jobs_cancel", job_ids=running)


async def install_a_model(use: Recorded, hub: Hub) -> None:
    found = await use("models_find", url=f"{hub.url}/org/model")
    (file,) = found["files"]
    transfer = await use("models_install", url=file["url"], folder=file["folder"])
    assert (await use("downloads_get", transfer_id=transfer["id"]))["filename"] == "ink.safetensors"
    assert isinstance(await use("downloads_list"), list)
    assert "download" in await use.fails("downloads_change", transfer_id="nothing", action="cancel")
    assert "nothing" in await use.fails("presets_download", preset_id="nothing")
