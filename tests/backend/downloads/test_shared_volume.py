"""Two pods share a volume: neither treats the other's downloads as abandoned."""

import asyncio
import os
import time
from pathlib import Path
from typing import Any

import pytest

from backend.downloads import recovery
from backend.downloads.engine.resume_state import PartialFile, ResumeState
from backend.downloads.transfer_start import TransferStart
from tests.backend.conftest import hub_settings
from tests.support.control_plane import ControlPlane, running_control_plane
from tests.support.hub import Hub
from tests.support.hub.catalogue import HubFile
from tests.support.hub.formats import safetensors

SIZE = 3_000_000
LONG_AGO = 3600


@pytest.fixture
def model(hub: Hub) -> HubFile:
    return hub.add("acme/models", "ant.safetensors", safetensors(SIZE))


def begun_elsewhere(workspace: Path, hub: Hub, model: HubFile) -> Path:
    """Write the files of another pod's unfinished download. Return its resume state file."""
    partial = PartialFile(workspace / "ComfyUI/models/loras" / model.path)
    partial.target.parent.mkdir(parents=True)
    partial.part.write_bytes(model.content.read(0, 1_000_000))
    partial.write(
        ResumeState(
            url=hub.url_of(model),
            ranges=((0, 1_000_000),),
            bytes=SIZE,
            sha256=model.content.sha256,
            identity=None,
            validator=None,
            writer="another-pod",
        )
    )
    (state_file,) = partial.target.parent.glob(".*.resume.part")
    return state_file


def stops_writing(state_file: Path) -> None:
    os.utime(state_file, (time.time() - LONG_AGO,) * 2)


async def shown(pod: ControlPlane) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = (await pod.client.get("/api/downloads")).json()
    return rows


async def test_another_pods_download_is_not_offered_until_that_pod_stops(
    workspace: Path, hub: Hub, model: HubFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recovery, "CHECK_SECONDS", 0.05)
    state_file = begun_elsewhere(workspace, hub, model)
    async with running_control_plane(workspace, **hub_settings(hub)) as pod:
        await pod.app.registry.get(TransferStart).recovered.wait()
        assert await shown(pod) == []
        async with asyncio.timeout(30), pod.socket("/ws/downloads") as frames:
            stops_writing(state_file)
            while not (found := await shown(pod)):
                await frames.recv()
        assert (found[0]["state"], found[0]["problem"]["code"]) == ("paused", "found")
        assert found[0]["received"] == 1_000_000
        await pod.client.post(f"/api/downloads/{found[0]['id']}/resume")
        assert (await pod.finished(found[0]["id"]))["verification"] == "verified"
        assert pod.leftovers() == []


async def test_a_file_is_not_downloaded_by_two_pods(workspace: Path, hub: Hub, model: HubFile) -> None:
    state_file = begun_elsewhere(workspace, hub, model)
    before = state_file.read_bytes()
    async with running_control_plane(workspace, **hub_settings(hub)) as pod:
        transfer = await pod.download(url=hub.url_of(model), folder="loras")
        waiting = await pod.until(transfer["id"], lambda seen: seen["state"] == "retrying")
        assert (waiting["problem"]["code"], waiting["failures"]) == ("written_elsewhere", 0)
        await pod.client.post(f"/api/downloads/{transfer['id']}/cancel")
        assert state_file.read_bytes() == before
        stops_writing(state_file)
        await pod.client.post(f"/api/downloads/{transfer['id']}/retry")
        assert (await pod.finished(transfer["id"]))["verification"] == "verified"
        assert pod.leftovers() == []


async def test_unfinished_files_of_unknown_source_can_be_kept_or_deleted(
    workspace: Path, hub: Hub, model: HubFile
) -> None:
    loras = workspace / "ComfyUI/models/loras"
    loras.mkdir(parents=True)
    for name in ("bee.safetensors.mismatch.part", "cat.safetensors.part", "ant.safetensors.part"):
        (loras / name).write_bytes(b"bytes")
    (loras / ".cat.safetensors.resume.part").write_bytes(b"{torn")
    async with running_control_plane(workspace, **hub_settings(hub)) as pod:
        await pod.app.registry.get(TransferStart).recovered.wait()
        found = {row["filename"].removesuffix(".safetensors"): row for row in await shown(pod)}
        states = {name: (row["state"], row["problem"]["code"]) for name, row in found.items()}
        stray = ("failed", "found")
        assert states == {"ant": stray, "bee": ("quarantined", "found"), "cat": stray}
        refused = await pod.client.post(f"/api/downloads/{found['bee']['id']}/retry")
        assert refused.status_code == 409
        await pod.client.post(f"/api/downloads/{found['bee']['id']}/accept")
        assert (loras / "bee.safetensors").read_bytes() == b"bytes"
        await pod.client.post(f"/api/downloads/{found['cat']['id']}/cancel")
        await pod.download(url=hub.url_of(model), folder="loras")
        assert (await pod.finished(found["ant"]["id"]))["verification"] == "verified"
        assert pod.leftovers() == []
