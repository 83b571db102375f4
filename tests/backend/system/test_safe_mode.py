"""A user starts ComfyUI without custom nodes to find a faulty one."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.control_plane import ControlPlane, running_control_plane
from tests.support.supervisor import FakeSupervisor, running_supervisor

ADDRESS = "/api/system/safe-mode"
ON, OFF = {"safe_mode": True}, {"safe_mode": False}


@pytest.fixture
def supervisor(workspace: Path) -> Iterator[FakeSupervisor]:
    with running_supervisor(workspace / "run/supervisor.sock", comfyui="RUNNING") as fake:
        yield fake


async def test_safe_mode_is_saved_and_comfyui_restarts(
    pod: ControlPlane, supervisor: FakeSupervisor, workspace: Path
) -> None:
    assert (await pod.client.get(ADDRESS)).json() == OFF
    assert (await pod.client.put(ADDRESS, json=ON)).json() == ON
    assert (await pod.client.get(ADDRESS)).json() == ON
    assert json.loads((workspace / "run/safe-mode.json").read_text()) == ON
    assert supervisor.calls == [("stop", "comfyui"), ("start", "comfyui")]


async def test_safe_mode_from_the_variable_is_shown_and_can_be_ended(workspace: Path) -> None:
    async with running_control_plane(workspace, safe_mode=True) as pod:
        assert (await pod.client.get(ADDRESS)).json() == ON
        assert (await pod.client.put(ADDRESS, json=OFF)).json() == OFF
        assert (await pod.client.get(ADDRESS)).json() == OFF


async def test_a_stopped_comfyui_stays_stopped(pod: ControlPlane, supervisor: FakeSupervisor) -> None:
    supervisor.programs["comfyui"] = "STOPPED"
    await pod.client.put(ADDRESS, json=ON)
    assert supervisor.calls == []


@pytest.mark.parametrize("wanted", [{}, {"safe_mode": "perhaps"}, {"safe_mode": None}, []])
async def test_a_value_that_is_not_a_boolean_is_rejected(pod: ControlPlane, wanted: object) -> None:
    assert (await pod.client.put(ADDRESS, json=wanted)).status_code == 400


@pytest.mark.parametrize("content", ["", "[]", "{}", "\0"])
async def test_a_damaged_file_counts_as_no_choice(pod: ControlPlane, workspace: Path, content: str) -> None:
    (workspace / "run").mkdir(parents=True)
    (workspace / "run/safe-mode.json").write_text(content)
    assert (await pod.client.get(ADDRESS)).json() == OFF
