"""A job whose models are not on the pod: it says so, or waits until they are."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.backend.conftest import hub_settings
from tests.backend.jobs.test_api import follow
from tests.support.comfyui.graphs import node
from tests.support.comfyui.process import ComfyUI, running
from tests.support.control_plane import ControlPlane, running_control_plane
from tests.support.hub import Hub
from tests.support.hub.catalogue import HubFile
from tests.support.hub.faults import Status
from tests.support.hub.formats import safetensors
from tests.support.workflows import declaring, drawn
from tests.support.workflows import node as drawn_node

NAME = "ink.safetensors"
PROMPT = {
    "1": node("EmptyLatentImage", width=64, height=64, batch_size=1),
    "2": node("VAELoader", vae_name=NAME),
    "3": node("VAEDecode", samples=["1", 0], vae=["2", 0]),
    "9": node("SaveImage", images=["3", 0], filename_prefix="pictures/test"),
}


@pytest.fixture
def vae(hub: Hub) -> HubFile:
    return hub.add("acme/style", NAME, safetensors(40_000))


@pytest.fixture
def comfyui(workspace: Path) -> Iterator[ComfyUI]:
    with running(ComfyUI(workspace / "ComfyUI")) as comfyui:
        yield comfyui


@pytest.fixture
async def pod(workspace: Path, hub: Hub, comfyui: ComfyUI) -> AsyncIterator[ControlPlane]:
    async with running_control_plane(workspace, **hub_settings(hub), comfyui_url=comfyui.url) as pod:
        yield pod


@pytest.fixture
def body(hub: Hub, vae: HubFile) -> dict[str, Any]:
    """Return a request for one job, whose workflow says where its only model is."""
    graph = drawn(drawn_node("VAELoader", NAME) | {"properties": declaring(hub.url_of(vae), "vae", NAME)})
    return {"prompt": PROMPT, "workflow": graph, "template": "decode"}


async def submit(pod: ControlPlane, body: dict[str, Any], **more: Any) -> httpx.Response:
    return await pod.client.post("/api/jobs", json=body | more)


async def job_of(pod: ControlPlane, body: dict[str, Any]) -> dict[str, Any]:
    answer = await submit(pod, body, download_models=True)
    assert answer.status_code == 201, answer.text
    (job,) = answer.json()["jobs"]
    found: dict[str, Any] = job
    return found


async def last_state(pod: ControlPlane, job: dict[str, Any]) -> dict[str, Any]:
    *_, (_, last) = await follow(pod, job["id"])
    return last


async def until(pod: ControlPlane, job: dict[str, Any], state: str) -> dict[str, Any]:
    async with pod.socket("/ws/jobs") as frames, asyncio.timeout(60):
        while True:
            now: dict[str, Any] = (await pod.client.get(f"/api/jobs/{job['id']}")).json()
            if now["state"] == state:
                return now
            await frames.recv()


async def test_a_request_that_may_not_download_lists_what_is_missing(
    pod: ControlPlane, body: dict[str, Any]
) -> None:
    answer = await submit(pod, body)
    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (409, "missing_models")
    assert error["details"]["files"] == [f"vae/{NAME} (40.0 kB)"]
    assert (error["details"]["bytes_to_fetch"], error["details"]["sizes_unknown"]) == (40_000, 0)
    assert "download_models" in error["message"]
    assert (await pod.client.get("/api/jobs")).json() == []
    assert (await pod.client.get("/api/downloads")).json() == []


async def test_a_model_without_a_source_is_named(pod: ControlPlane) -> None:
    answer = await submit(pod, {"prompt": PROMPT}, download_models=True)
    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (409, "missing_models")
    assert NAME in error["message"]
    assert "Install it" in error["message"]


async def test_a_job_waits_for_its_model_and_runs(
    pod: ControlPlane, hub: Hub, vae: HubFile, body: dict[str, Any]
) -> None:
    gate = hub.hold(vae)
    job = await job_of(pod, body)
    second = await submit(pod, body)
    assert job["state"] == "waiting"
    assert second.json()["jobs"][0]["downloads"] == job["downloads"]
    gate.release()
    for waiting in (job, second.json()["jobs"][0]):
        assert (await last_state(pod, waiting))["state"] == "succeeded"


async def test_a_download_that_fails_blocks_the_job_until_it_is_retried(
    pod: ControlPlane, hub: Hub, vae: HubFile, body: dict[str, Any]
) -> None:
    hub.fault(vae, Status(code=404, times=None))
    job = await until(pod, await job_of(pod, body), "blocked")
    assert f"vae/{NAME}" in job["error"]["message"]
    hub.clear_faults()
    retried = (await pod.client.post(f"/api/jobs/{job['id']}/retry")).json()
    assert (retried["state"], retried["downloads"]) == ("waiting", job["downloads"])
    assert (await last_state(pod, job))["state"] == "succeeded"


async def test_a_blocked_job_runs_when_its_download_is_retried(
    pod: ControlPlane, hub: Hub, vae: HubFile, body: dict[str, Any]
) -> None:
    hub.fault(vae, Status(code=404, times=None))
    job = await until(pod, await job_of(pod, body), "blocked")
    hub.clear_faults()
    await pod.client.post(f"/api/downloads/{job['downloads'][0]}/retry")
    assert (await until(pod, job, "succeeded"))["error"] is None


async def test_a_model_that_disappears_before_the_run_is_downloaded_again(
    pod: ControlPlane, body: dict[str, Any]
) -> None:
    await last_state(pod, await job_of(pod, body))
    await pod.client.post("/api/jobs/pause")
    job = await job_of(pod, body | {"jobs": [{"values": {"1.width": 128}}]})
    assert job["state"] == "queued"
    (pod.models / "vae" / NAME).unlink()
    await pod.client.post("/api/jobs/resume")
    ended = await last_state(pod, job)
    assert (ended["state"], ended["run_count"], ended["failures"]) == ("succeeded", 2, 0)


async def test_a_download_that_ended_while_the_control_plane_was_away_releases_its_job(
    workspace: Path, hub: Hub, vae: HubFile, comfyui: ComfyUI, body: dict[str, Any]
) -> None:
    gate = hub.hold(vae)
    async with running_control_plane(workspace, **hub_settings(hub), comfyui_url=comfyui.url) as before:
        job = await job_of(before, body)
    gate.release()
    (workspace / "ComfyUI/models/vae" / NAME).write_bytes(vae.content.read(0, vae.size))
    async with running_control_plane(workspace, **hub_settings(hub), comfyui_url=comfyui.url) as after:
        assert (await last_state(after, job))["state"] == "succeeded"
