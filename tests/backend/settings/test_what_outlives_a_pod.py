"""What a user made or chose on a pod is there in the next one, whose state folder is empty."""

import shutil
import stat
from pathlib import Path
from typing import Any

import pytest

from tests.backend.conftest import hub_settings
from tests.support.control_plane import ControlPlane, running_control_plane
from tests.support.hub import Hub

TOKEN = "c0ffee-c0ffee-c0ffee-c0ffee"
PRESET = "id: mine\ntitle: Mine\ncategory: Added\nfiles:\n  - {folder: vae, filename: a.safetensors, url: 'https://a.example/a'}\n"
LOST = "A token saved here is lost with this pod"


async def choose(pod: ControlPlane) -> None:
    assert (await pod.client.post("/api/presets/import", content=PRESET)).status_code == 201
    assert (await pod.client.put("/api/tokens/civitai", json={"token": TOKEN})).status_code == 200
    assert (await pod.client.put("/api/downloads/policy", json={"files_at_once": 7})).status_code == 200


async def chosen(pod: ControlPlane) -> tuple[int, str | None, int]:
    """Status of the preset, source of the token, files at once."""
    preset = await pod.client.get("/api/presets/mine")
    tokens = {token["hub"]: token["source"] for token in (await pod.client.get("/api/tokens")).json()}
    policy = (await pod.client.get("/api/downloads/policy")).json()
    return preset.status_code, tokens["civitai"], policy["files_at_once"]


@pytest.fixture
def settings(hub: Hub, tmp_path: Path) -> dict[str, Any]:
    return {**hub_settings(hub), "state_dir": tmp_path / "state"}


async def test_the_next_pod_has_it(workspace: Path, settings: dict[str, Any]) -> None:
    async with running_control_plane(workspace, **settings) as pod:
        await choose(pod)
        assert LOST not in (await pod.client.get("/settings")).text
    shutil.rmtree(settings["state_dir"])
    async with running_control_plane(workspace, **settings) as pod:
        assert await chosen(pod) == (200, "saved", 7)
    assert (workspace / ".comfypod/tokens.json").stat().st_mode & 0o777 == 0o600


async def test_settings_work_without_a_writable_volume(workspace: Path, settings: dict[str, Any]) -> None:
    workspace.mkdir()
    (workspace / ".comfypod").write_text("no folder")
    async with running_control_plane(workspace, **settings) as pod:
        await choose(pod)
        assert LOST in (await pod.client.get("/settings")).text
    async with running_control_plane(workspace, **settings) as pod:
        assert await chosen(pod) == (200, "saved", 7)


async def test_settings_move_to_a_volume_that_becomes_writable(
    workspace: Path, settings: dict[str, Any]
) -> None:
    workspace.mkdir()
    (workspace / ".comfypod").write_text("no folder")
    async with running_control_plane(workspace, **settings) as pod:
        await choose(pod)
    (workspace / ".comfypod").unlink()
    async with running_control_plane(workspace, **settings) as pod:
        assert await chosen(pod) == (200, "saved", 7)
    shutil.rmtree(settings["state_dir"])
    async with running_control_plane(workspace, **settings) as pod:
        assert await chosen(pod) == (200, "saved", 7)


async def test_no_token_is_saved_on_a_volume_without_file_modes(
    workspace: Path, settings: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    # As on a network share without file modes: chmod has no effect.
    monkeypatch.setattr(stat, "S_IMODE", lambda mode: 0o777)
    async with running_control_plane(workspace, **settings) as pod:
        await choose(pod)
        assert LOST in (await pod.client.get("/settings")).text
    holders = [
        path for path in workspace.rglob("*") if path.is_file() and TOKEN in path.read_text(errors="replace")
    ]
    assert holders == []
    assert (workspace / ".comfypod/presets/mine.yaml").exists()
