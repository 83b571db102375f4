"""Queued files outlive the pod: a new one with an empty database finds them on the volume."""

import asyncio
import json
import os
import shutil
import socket
from pathlib import Path
from typing import Any

import pytest

from backend.downloads import recovery
from backend.downloads.transfer_start import TransferStart
from tests.backend.conftest import hub_settings
from tests.support.control_plane import ControlPlane, running_control_plane
from tests.support.hub import Hub
from tests.support.hub.catalogue import HubFile
from tests.support.hub.formats import safetensors


@pytest.fixture
def models(hub: Hub) -> list[HubFile]:
    return [hub.add("acme/models", f"{name}.safetensors", safetensors(3_000_000)) for name in ("a", "b", "c")]


def saved_file(workspace: Path) -> Path:
    return workspace / ".comfypod/queue" / f"{socket.gethostname()}.json"


async def rows(pod: ControlPlane) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await pod.client.get("/api/downloads")).json()
    return found


async def until_saved(workspace: Path, count: int) -> None:
    async with asyncio.timeout(30):
        while saved_count(workspace) != count:  # noqa: ASYNC110 - no event reports that the file was written
            await asyncio.sleep(0.05)


def saved_count(workspace: Path) -> int:
    return len(json.loads(saved_file(workspace).read_bytes())) if saved_file(workspace).exists() else 0


async def queue_and_lose_the_pod(workspace: Path, hub: Hub, models: list[HubFile]) -> None:
    """Queue three files, start one, then lose everything but the volume."""
    gate = hub.hold(models[0], after=1_000_000)
    async with running_control_plane(workspace, **hub_settings(hub) | {"download_workers": 1}) as pod:
        for model in models:
            await pod.download(url=hub.url_of(model), folder="loras")
        await until_saved(workspace, 3)
        gate.release()
        await pod.client.post("/api/downloads/pause")
    for path in (workspace / ".comfypod").glob("comfypod.db*"):
        path.unlink()


async def test_queued_files_are_restored_in_the_next_pod(
    workspace: Path, hub: Hub, models: list[HubFile]
) -> None:
    await queue_and_lose_the_pod(workspace, hub, models)
    saved_file(workspace).rename(saved_file(workspace).with_name("an-earlier-pod.json"))
    async with running_control_plane(workspace, **hub_settings(hub)) as pod:
        await pod.app.registry.get(TransferStart).recovered.wait()
        found = await rows(pod)
        assert [row["filename"] for row in found] == [f"{name}.safetensors" for name in "abc"]
        assert {(row["state"], row["problem"]["code"]) for row in found} == {("paused", "found")}
        assert "Queued by an earlier pod" in found[2]["problem"]["message"]
        await pod.client.post("/api/downloads/resume")
        for row in found:
            assert (await pod.finished(row["id"]))["verification"] == "verified"
        assert [path.name for path in saved_file(workspace).parent.iterdir()] in (
            [],
            [saved_file(workspace).name],
        )


async def test_the_queue_of_a_running_pod_is_not_taken_until_it_stops(
    workspace: Path, hub: Hub, models: list[HubFile], monkeypatch: pytest.MonkeyPatch
) -> None:
    await queue_and_lose_the_pod(workspace, hub, models)
    shutil.rmtree(workspace / "ComfyUI")
    other = saved_file(workspace).rename(saved_file(workspace).with_name("another-pod.json"))
    other.touch()
    monkeypatch.setattr(recovery, "CHECK_SECONDS", 0.05)
    async with (
        running_control_plane(workspace, **hub_settings(hub)) as pod,
        pod.socket("/ws/downloads") as frames,
    ):
        await pod.app.registry.get(TransferStart).recovered.wait()
        assert await rows(pod) == []
        os.utime(other, (0, 0))
        async with asyncio.timeout(30):
            async for _ in frames:
                if len(await rows(pod)) == 3:
                    break
        assert not other.exists()


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[1]", b'[{"url": "x", "folder": "../../etc"}]', b"[" * 10_000]
)
async def test_a_damaged_queue_is_ignored(workspace: Path, hub: Hub, content: bytes) -> None:
    saved_file(workspace).parent.mkdir(parents=True)
    saved_file(workspace).with_name("damaged.json").write_bytes(content)
    async with running_control_plane(workspace, **hub_settings(hub)) as pod:
        await pod.app.registry.get(TransferStart).recovered.wait()
        assert await rows(pod) == []
