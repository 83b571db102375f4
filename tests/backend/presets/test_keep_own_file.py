"""A user keeps a file of their own under a name that a preset uses."""

import asyncio
import os
from pathlib import Path
from typing import Any

import pytest

from tests.backend.conftest import hub_settings
from tests.support.control_plane import ControlPlane, running_control_plane
from tests.support.hub import Hub
from tests.support.hub.formats import safetensors

PRESET = """
id: two-files
title: Two files
category: Test
files:
  - folder: vae
    filename: first.safetensors
    url: {first}
  - folder: loras
    filename: second.safetensors
    url: {second}
"""
FIRST = "vae/first.safetensors"


@pytest.fixture
def settings(tmp_path: Path, hub: Hub) -> dict[str, object]:
    """Settings of pods that know one preset of two small files."""
    folder = tmp_path / "presets"
    folder.mkdir()
    urls = {
        name: hub.url_of(hub.add("acme/models", f"{name}.safetensors", safetensors(50_000, seed=seed)))
        for seed, name in enumerate(("first", "second"))
    }
    (folder / "two-files.yaml").write_text(PRESET.format(**urls))
    return {**hub_settings(hub), "presets_dir": folder}


@pytest.fixture
async def pod(workspace: Path, settings: dict[str, object]):  # type: ignore[no-untyped-def]
    own_file(workspace / "ComfyUI/models")
    async with running_control_plane(workspace, **settings) as plane:
        await fetch_all(plane)
        yield plane


def own_file(models: Path) -> Path:
    path = models / FIRST
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"my own!")
    return path


async def fetch_all(pod: ControlPlane, **query: Any) -> None:
    answer = await pod.client.post("/api/presets/two-files/download", params=query)
    for transfer in answer.json():
        assert (await pod.finished(transfer["id"]))["state"] == "done"


async def keep(pod: ControlPlane, **query: str) -> dict[str, Any]:
    answer = await pod.client.post("/api/presets/two-files/keep", params=query)
    assert answer.status_code == 200, answer.text
    status: dict[str, Any] = answer.json()
    return status


async def states(pod: ControlPlane) -> list[str]:
    """Return the state of the preset, then of its files."""
    status = (await pod.client.get("/api/presets/two-files/status", params={"ask": True})).json()
    return [status["state"], *(file["state"] for file in status["files"])]


async def installed_presets(pod: ControlPlane) -> list[str]:
    found = (await pod.client.get("/api/presets", params={"installed": True})).json()
    return [entry["preset"]["id"] for entry in found]


async def test_a_kept_file_completes_the_preset(pod: ControlPlane) -> None:
    assert await states(pod) == ["partial", "other", "installed"]
    assert await installed_presets(pod) == []
    status = await keep(pod)
    assert (status["state"], status["installed_files"]) == ("installed", 2)
    assert (status["files"][0]["state"], status["files"][0]["found"]) == ("kept", 7)
    assert await installed_presets(pod) == ["two-files"]


async def test_a_download_leaves_a_kept_file_alone(pod: ControlPlane) -> None:
    await keep(pod, file=FIRST)
    for replace in (False, True):
        answer = await pod.client.post("/api/presets/two-files/download", params={"replace": replace})
        assert (answer.status_code, answer.json()) == (202, [])
    assert (pod.models / FIRST).read_bytes() == b"my own!"


async def test_deleting_the_preset_leaves_a_kept_file_alone(pod: ControlPlane) -> None:
    await keep(pod)
    deleted = (await pod.client.delete("/api/presets/two-files")).json()
    assert [file["filename"] for file in deleted] == ["second.safetensors"]
    assert (pod.models / FIRST).read_bytes() == b"my own!"
    assert "Other presets use its files" not in (await pod.client.get("/presets/two-files")).text


async def test_the_decision_is_remembered_in_the_next_pod(
    workspace: Path, settings: dict[str, object], pod: ControlPlane, tmp_path: Path
) -> None:
    await keep(pod)
    next_pod = {**settings, "state_dir": tmp_path / "state-of-the-next-pod"}
    async with running_control_plane(workspace, **next_pod) as following:
        assert await states(following) == ["installed", "kept", "installed"]
        await following.client.delete("/api/presets/two-files/keep")
    last_pod = {**settings, "state_dir": tmp_path / "state-of-the-last-pod"}
    async with running_control_plane(workspace, **last_pod) as last:
        assert await states(last) == ["partial", "other", "installed"]


async def test_undoing_the_decision_offers_the_right_file_again(pod: ControlPlane) -> None:
    await keep(pod)
    answer = await pod.client.delete("/api/presets/two-files/keep", params={"file": FIRST})
    assert [file["state"] for file in answer.json()["files"]] == ["other", "installed"]
    assert await installed_presets(pod) == []
    refused = await pod.client.post("/api/presets/two-files/download")
    assert refused.json()["error"]["code"] == "another_file"
    await fetch_all(pod, replace=True)
    assert await states(pod) == ["installed", "installed", "installed"]


@pytest.mark.parametrize("change", ["other size", "other time", "replaced"])
async def test_the_decision_is_about_that_very_file(pod: ControlPlane, change: str) -> None:
    await keep(pod)
    path = pod.models / FIRST
    before = path.stat()
    if change == "other size":
        path.write_bytes(b"another file")
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    elif change == "other time":
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns + 1))
    else:
        path.unlink()
        assert await states(pod) == ["partial", "missing", "installed"]
        own_file(pod.models)
    assert await states(pod) == ["partial", "other", "installed"]
    assert await installed_presets(pod) == []


async def test_the_decision_holds_on_a_volume_that_stores_whole_seconds(pod: ControlPlane) -> None:
    await keep(pod)
    path = pod.models / FIRST
    seconds = path.stat().st_mtime_ns // 10**9
    os.utime(path, ns=(seconds * 10**9, seconds * 10**9))
    assert await states(pod) == ["installed", "kept", "installed"]


async def test_the_decision_ends_when_the_file_is_deleted(pod: ControlPlane) -> None:
    await keep(pod)
    before = (pod.models / FIRST).stat()
    assert (await pod.client.delete(f"/api/storage/models/{FIRST}")).status_code == 204
    os.utime(own_file(pod.models), ns=(before.st_atime_ns, before.st_mtime_ns))
    assert await states(pod) == ["partial", "other", "installed"]


async def test_the_page_keeps_a_file_and_undoes_it(pod: ControlPlane) -> None:
    page = (await pod.client.get("/presets/two-files")).text
    address = "/presets/two-files/keep?file=vae/first.safetensors"
    assert f'hx-post="{address}"' in page
    assert "Keep my file" in page
    kept = await pod.client.post(address, headers={"HX-Request": "true"})
    assert "Kept: your own file" in kept.text
    assert "Keep my file" not in kept.text
    assert "Download the right file" not in kept.text
    assert f'hx-delete="{address}"' in kept.text
    assert 'hx-delete="/presets/two-files"' in kept.text
    undone = await pod.client.delete(address, headers={"HX-Request": "true"})
    assert "Keep my file" in undone.text


@pytest.mark.parametrize("file", ["loras/second.safetensors", "vae/nowhere.safetensors", "../../etc/passwd"])
async def test_only_a_different_file_of_the_preset_can_be_kept(pod: ControlPlane, file: str) -> None:
    answer = await pod.client.post("/api/presets/two-files/keep", params={"file": file})
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "no_other_file")
    assert file in answer.json()["error"]["message"]


async def test_a_volume_that_refuses_the_decision_is_reported(pod: ControlPlane, workspace: Path) -> None:
    (workspace / ".comfypod/kept-files").write_text("a file where the folder belongs")
    answer = await pod.client.post("/api/presets/two-files/keep")
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "unavailable")
    assert await states(pod) == ["partial", "other", "installed"]


async def test_a_damaged_decision_does_not_hide_the_others(
    workspace: Path, settings: dict[str, object], pod: ControlPlane
) -> None:
    await keep(pod)
    folder = workspace / ".comfypod/kept-files"
    (folder / "damaged.json").write_bytes(b"\xff{")
    (folder / "large.json").write_bytes(bytes(100_000))
    (folder / "folder.json").mkdir()
    os.mkfifo(folder / "pipe.json")
    elsewhere = {**settings, "state_dir": workspace.parent / "state-of-another-pod"}
    async with asyncio.timeout(30), running_control_plane(workspace, **elsewhere) as following:
        assert await states(following) == ["installed", "kept", "installed"]


async def test_an_accepted_download_is_the_users_own_file(
    workspace: Path, settings: dict[str, object], tmp_path: Path
) -> None:
    """Also in the next pod, and once its hash is known to be another one."""
    definition = tmp_path / "presets/two-files.yaml"
    wrong = f"    sha256: {'f' * 64}\n"
    definition.write_text(definition.read_text().replace("  - folder: loras", f"{wrong}  - folder: loras"))
    async with running_control_plane(workspace, **settings) as pod:
        transfers = (await pod.client.post("/api/presets/two-files/download")).json()
        finished = [await pod.finished(transfer["id"]) for transfer in transfers]
        assert [transfer["state"] for transfer in finished] == ["quarantined", "done"]
        await pod.client.post(f"/api/downloads/{finished[0]['id']}/accept")
        assert await states(pod) == ["installed", "kept", "installed"]
    following = {**settings, "state_dir": tmp_path / "state-of-the-next-pod"}
    async with running_control_plane(workspace, **following) as pod:
        export = {"id": "mine", "title": "Mine"}
        assert (await pod.client.post("/api/presets/export", json=export)).json()["hashing"] == []
        assert await states(pod) == ["installed", "kept", "installed"]
        assert (await pod.client.post("/api/presets/two-files/download")).json() == []
