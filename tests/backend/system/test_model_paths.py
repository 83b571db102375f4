"""A user adds model folders for ComfyUI."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.control_plane import ControlPlane
from tests.support.supervisor import FakeSupervisor, running_supervisor

ADDRESS = "/api/system/model-paths"


@pytest.fixture
def supervisor(workspace: Path) -> Iterator[FakeSupervisor]:
    with running_supervisor(workspace / "run/supervisor.sock", comfyui="RUNNING") as fake:
        yield fake


@pytest.fixture
def mount(tmp_path: Path) -> Path:
    folder = tmp_path / "mount"
    folder.mkdir()
    return folder


async def test_folders_are_saved_on_the_volume_and_comfyui_restarts(
    pod: ControlPlane, supervisor: FakeSupervisor, workspace: Path, mount: Path
) -> None:
    assert (await pod.client.get(ADDRESS)).json() == {"paths": []}
    answer = await pod.client.put(ADDRESS, json={"paths": [f" {mount}/", str(mount), ""]})
    assert answer.json() == {"paths": [str(mount)]}
    assert supervisor.calls == [("stop", "comfyui"), ("start", "comfyui")]
    kept = json.loads((workspace / ".comfypod/model-paths.json").read_text())
    assert kept == {"paths": [str(mount)]}
    assert (await pod.client.get(ADDRESS)).json() == {"paths": [str(mount)]}
    assert (await pod.client.put(ADDRESS, json={"paths": []})).json() == {"paths": []}


@pytest.mark.parametrize("state", ["STOPPED", "NEVER"])
async def test_a_stopped_comfyui_stays_stopped(
    pod: ControlPlane, supervisor: FakeSupervisor, mount: Path, state: str
) -> None:
    supervisor.programs["comfyui"] = state
    assert (await pod.client.put(ADDRESS, json={"paths": [str(mount)]})).status_code == 200
    assert supervisor.calls == []


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("models", "must begin with /"),
        ("/not/mounted", "is not a folder on this pod"),
        ("/etc/passwd", "is not a folder on this pod"),
        ("/etc\x00", "is not a folder on this pod"),
    ],
)
async def test_an_unusable_folder_is_rejected_and_nothing_changes(
    pod: ControlPlane, supervisor: FakeSupervisor, mount: Path, path: str, reason: str
) -> None:
    await pod.client.put(ADDRESS, json={"paths": [str(mount)]})
    supervisor.calls.clear()
    answer = await pod.client.put(ADDRESS, json={"paths": [str(mount), path]})
    assert answer.status_code == 400
    assert reason in answer.json()["error"]["message"]
    assert (await pod.client.get(ADDRESS)).json() == {"paths": [str(mount)]}
    assert supervisor.calls == []


async def test_long_lists_are_rejected(pod: ControlPlane) -> None:
    for paths in (["/"] * 51, ["/" + "x" * 1000]):
        assert (await pod.client.put(ADDRESS, json={"paths": paths})).status_code == 400


async def test_a_volume_that_is_not_writable_is_reported(
    pod: ControlPlane, workspace: Path, mount: Path
) -> None:
    (workspace / ".comfypod/model-paths.json").mkdir(parents=True)
    answer = await pod.client.put(ADDRESS, json={"paths": [str(mount)]})
    assert answer.status_code == 503
    assert "This cannot be saved on the volume" in answer.json()["error"]["message"]


@pytest.mark.parametrize("content", ["{", "[]", '{"paths": 5}'])
async def test_an_unreadable_file_counts_as_no_folders(
    pod: ControlPlane, workspace: Path, content: str
) -> None:
    (workspace / ".comfypod").mkdir(parents=True, exist_ok=True)
    (workspace / ".comfypod/model-paths.json").write_text(content)
    assert (await pod.client.get(ADDRESS)).json() == {"paths": []}
