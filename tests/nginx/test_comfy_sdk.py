"""comfy-sdk through the pod's nginx: large workflows and inputs, events, and addresses that lead back through it."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from comfy_sdk import AsyncComfy
from comfy_sdk.events import OutputReady

from tests.support.comfyui.graphs import node, picture
from tests.support.comfyui.process import ComfyUI, running
from tests.support.control_plane import ControlPlane, running_control_plane
from tests.support.nginx import Addresses

MB = 1_000_000


@pytest.fixture
async def pod(tmp_path: Path) -> AsyncIterator[ControlPlane]:
    workspace = tmp_path / "workspace"
    with running(ComfyUI(workspace / "ComfyUI")) as comfyui:
        async with running_control_plane(workspace, comfyui_url=comfyui.url) as plane:
            yield plane


async def test_the_sdk_runs_a_large_workflow_with_a_large_input_through_nginx(
    pod: ControlPlane, addresses: Addresses, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = await pod.create_key("read", "run")
    monkeypatch.setenv("COMFY_BASE_URL", addresses.dashboard)
    async with asyncio.timeout(120), AsyncComfy(api_key=key) as sdk:
        graph = picture()
        graph["1"] = node("LoadImage", image=sdk.assets.from_bytes(b"x" * 30 * MB, filename="cat.png"))
        graph["9"]["_meta"] = {"title": "t" * 10 * MB}
        job = await sdk.submit(sdk.workflows.from_json(graph))
        made = [event async for event in job.events() if isinstance(event, OutputReady)]
        assert len(made) == 1
        await job.refresh()
        assert (await job.outputs[0].to_bytes()).startswith(b"\x89PNG")
    headers = {"Authorization": f"Bearer {key}", "X-Forwarded-Proto": "https"}
    async with httpx.AsyncClient(base_url=addresses.dashboard, headers=headers) as outside:
        seen = (await outside.get(f"/api/v2/jobs/{job.id}")).json()
        origin = addresses.dashboard.replace("http:", "https:")
        assert seen["outputs"][0]["url"].startswith(f"{origin}/api/v2/assets/")


@pytest.mark.parametrize("path", ["/api/v2/assets", "/api/inputs?name=cat.png"])
async def test_a_large_input_without_a_key_is_refused_before_it_is_read(
    addresses: Addresses, path: str
) -> None:
    async with httpx.AsyncClient(base_url=addresses.dashboard) as stranger:
        answer = await stranger.post(path, content=b"x" * MB)
        assert (answer.status_code, answer.headers["Server"]) == (413, "nginx")
