"""Somebody takes what is on one pod to another."""

from pathlib import Path

import httpx
import pytest

from tests.backend.conftest import hub_settings
from tests.support.control_plane import ControlPlane, running_control_plane
from tests.support.hub import Hub
from tests.support.hub.catalogue import HubFile
from tests.support.hub.formats import safetensors

ABOUT = {"id": "my-pod", "title": "My pod"}


@pytest.fixture
def file(hub: Hub) -> HubFile:
    return hub.add("acme/style", "ink.safetensors", safetensors(40_000))


async def exported(pod: ControlPlane, hub: Hub, file: HubFile) -> str:
    transfer = await pod.download(url=hub.url_of(file), folder="loras")
    await pod.finished(transfer["id"])
    report = (await pod.client.post("/api/presets/export", json=ABOUT)).json()
    assert (report["hashing"], report["left_out"]) == ([], [])
    return str(report["preset"])


async def add(pod: ControlPlane, text: str | bytes) -> httpx.Response:
    return await pod.client.post("/api/presets/import", content=text)


async def test_what_is_here_arrives_on_another_pod_byte_for_byte(
    pod: ControlPlane, hub: Hub, file: HubFile, tmp_path: Path
) -> None:
    text = await exported(pod, hub, file)
    assert file.content.sha256 in text
    async with running_control_plane(tmp_path / "other", **hub_settings(hub)) as other:
        assert (await add(other, text)).status_code == 201
        for transfer in (await other.client.post("/api/presets/my-pod/download")).json():
            assert (await other.finished(transfer["id"]))["verification"] == "verified"
        assert (await other.client.get("/api/presets/my-pod/status")).json()["state"] == "installed"


async def test_a_preset_is_imported_from_an_address(pod: ControlPlane, hub: Hub, file: HubFile) -> None:
    text = await exported(pod, hub, file)
    url = hub.url_of(hub.add_plain("my-pod.yaml", text.encode()))
    answer = await pod.client.post("/api/presets/import", params={"url": url})
    assert (answer.status_code, answer.json()["origin"]) == (201, "added")


async def test_an_added_preset_is_there_after_a_restart(workspace: Path, hub: Hub, file: HubFile) -> None:
    async with running_control_plane(workspace, **hub_settings(hub)) as pod:
        assert (await add(pod, await exported(pod, hub, file))).status_code == 201
    async with running_control_plane(workspace, **hub_settings(hub)) as pod:
        assert (await pod.client.get("/api/presets/my-pod")).json()["title"] == "My pod"


async def test_a_file_that_nobody_knows_is_left_out_by_name(pod: ControlPlane) -> None:
    (pod.models / "loras").mkdir(parents=True)
    (pod.models / "loras/mine.safetensors").write_bytes(b"my own")
    report = (await pod.client.post("/api/presets/export", json=ABOUT)).json()
    assert report == {"preset": None, "hashing": [], "left_out": ["loras/mine.safetensors"]}


async def test_a_file_that_was_changed_since_is_left_out(pod: ControlPlane, hub: Hub, file: HubFile) -> None:
    await exported(pod, hub, file)
    (pod.models / "loras/ink.safetensors").write_bytes(b"trained further")
    report = (await pod.client.post("/api/presets/export", json=ABOUT)).json()
    assert report["left_out"] == ["loras/ink.safetensors"]


async def test_what_ships_with_comfypod_cannot_be_replaced(
    pod: ControlPlane, hub: Hub, file: HubFile
) -> None:
    text = (await exported(pod, hub, file)).replace("my-pod", "sd-1-5")
    answer = await add(pod, text)
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "id_taken")


@pytest.mark.parametrize(
    "content",
    [b"", b"\xff\xfe", b"just words", b"id: ../../evil", b"[" * 100_000, b"a: &a [*a]", b"x: 2026-99-99", bytes(2**20 + 1)],
)  # fmt: skip
async def test_what_is_no_preset_is_refused_and_not_kept(
    pod: ControlPlane, workspace: Path, content: bytes
) -> None:
    answer = await add(pod, content)
    assert answer.status_code == 400, answer.text
    assert list(workspace.rglob("presets/*.yaml")) == []


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:22/preset.yaml", "http://169.254.169.254/", "file:///etc/passwd"]
)
async def test_an_address_inside_the_pod_is_not_asked(pod: ControlPlane, url: str) -> None:
    answer = await pod.client.post("/api/presets/import", params={"url": url})
    assert answer.status_code in (400, 502), answer.text
