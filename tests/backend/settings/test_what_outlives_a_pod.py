"""What somebody made or chose on a pod is there in the next one, whose state folder is empty."""

import shutil
import sqlite3
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


async def test_what_an_earlier_version_kept_in_the_state_folder_is_moved_over(
    workspace: Path, settings: dict[str, Any]
) -> None:
    state = settings["state_dir"]
    async with running_control_plane(workspace, **settings) as pod:
        await choose(pod)
    kept = workspace / ".comfypod"
    for name in ("presets", "tokens.json"):
        shutil.move(kept / name, state / name)
    with sqlite3.connect(state / "comfypod.db") as database:
        database.execute("INSERT INTO download_policy VALUES (1, ?)", ((kept / "pace.json").read_text(),))
    (kept / "pace.json").unlink()
    (kept / "presets").mkdir()
    (kept / "presets/mine.yaml").write_text(PRESET.replace("Mine", "Newer"))
    (state / "presets/other.yaml").write_text(PRESET.replace("mine", "other"))
    async with running_control_plane(workspace, **settings) as pod:
        assert await chosen(pod) == (200, "saved", 7)
        assert (await pod.client.get("/api/presets/mine")).json()["title"] == "Newer"
        assert (await pod.client.get("/api/presets/other")).status_code == 200
    shutil.rmtree(state)
    async with running_control_plane(workspace, **settings) as pod:
        assert await chosen(pod) == (200, "saved", 7)


async def test_a_volume_that_takes_nothing_keeps_nobody_from_choosing(
    workspace: Path, settings: dict[str, Any]
) -> None:
    workspace.mkdir()
    (workspace / ".comfypod").write_text("no folder")
    async with running_control_plane(workspace, **settings) as pod:
        await choose(pod)
        assert LOST in (await pod.client.get("/settings")).text
    async with running_control_plane(workspace, **settings) as pod:
        assert await chosen(pod) == (200, "saved", 7)


async def test_a_volume_that_shows_files_to_everybody_gets_no_tokens(
    workspace: Path, settings: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    # As on a share without modes: what chmod says is not what stat tells.
    monkeypatch.setattr(stat, "S_IMODE", lambda mode: 0o777)
    async with running_control_plane(workspace, **settings) as pod:
        await choose(pod)
        assert LOST in (await pod.client.get("/settings")).text
    holders = [
        path for path in workspace.rglob("*") if path.is_file() and TOKEN in path.read_text(errors="replace")
    ]
    assert holders == []
    assert (workspace / ".comfypod/presets/mine.yaml").exists()
