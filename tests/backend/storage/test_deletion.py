"""Deleting models stays inside the workspace and reports the freed space."""

import os
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.backend.conftest import hub_settings
from tests.support.control_plane import ControlPlane, running_control_plane
from tests.support.hub import Hub

PRESET = """
id: ink
title: Ink
category: Test
files:
  - {folder: loras, filename: ink.safetensors, url: "https://huggingface.co/a/b/resolve/main/ink.safetensors", bytes: 7}
  - {folder: text_encoders, filename: ae.safetensors, url: "https://huggingface.co/a/b/resolve/main/ae.safetensors", bytes: 7}
"""


@pytest.fixture
async def pod(workspace: Path, tmp_path: Path, hub: Hub) -> AsyncIterator[ControlPlane]:
    presets = tmp_path / "presets"
    presets.mkdir()
    (presets / "ink.yaml").write_text(PRESET)
    async with running_control_plane(workspace, **hub_settings(hub), presets_dir=presets) as plane:
        yield plane


def put(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"my own.")
    return path


async def test_deleting_a_preset_spares_link_targets_outside_the_workspace(
    pod: ControlPlane, tmp_path: Path
) -> None:
    outside = put(tmp_path / "outside/ink.safetensors")
    inside = put(pod.models / "text_encoders/ae.safetensors")
    (pod.models / "loras").symlink_to(outside.parent)
    assert (await pod.client.get("/api/presets/ink/status")).json()["state"] == "installed"
    deleted = (await pod.client.delete("/api/presets/ink")).json()
    assert [file["filename"] for file in deleted] == ["ae.safetensors"]
    assert (outside.exists(), inside.exists()) == (True, False)


async def test_a_preset_is_deleted_from_folders_with_old_names(pod: ControlPlane) -> None:
    file = put(pod.models / "clip/ae.safetensors")
    deleted = (await pod.client.delete("/api/presets/ink")).json()
    assert ([entry["bytes"] for entry in deleted], file.exists()) == ([7], False)


async def test_deleting_one_of_two_hard_links_reports_no_freed_space(pod: ControlPlane) -> None:
    first = put(pod.models / "vae/first.safetensors")
    os.link(first, pod.models / "vae/second.safetensors")
    listed = {model["filename"]: model for model in (await pod.client.get("/api/storage/models")).json()}
    assert listed["first.safetensors"]["hard_links"] == 2
    one = await pod.client.delete("/storage/models/vae/first.safetensors")
    other = await pod.client.delete("/storage/models/vae/second.safetensors")
    assert "No space is freed" in one.headers["HX-Trigger"]
    assert "Deleted second.safetensors, 7 B." in other.headers["HX-Trigger"]


@pytest.mark.parametrize("path", ["vae/" + "x" * 900, "vae/" * 400 + "x", "vae/\x00", "loop/loop/x", "loop"])
async def test_impossible_paths_are_not_found(pod: ControlPlane, path: str) -> None:
    pod.models.mkdir(parents=True)
    (pod.models / "loop").symlink_to(pod.models / "loop")
    (pod.models / "vae").mkdir()
    (pod.models / "vae/loop").symlink_to("loop")
    answer = await pod.client.delete(f"/api/storage/models/{quote(path)}")
    assert answer.status_code == 404
    assert (await pod.client.get("/api/storage/models")).json() == []


async def test_a_file_that_vanished_from_disk_is_not_found(pod: ControlPlane) -> None:
    put(pod.models / "vae/ae.safetensors").unlink()
    assert (await pod.client.delete("/api/storage/models/vae/ae.safetensors")).status_code == 404
