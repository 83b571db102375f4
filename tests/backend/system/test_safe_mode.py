"""The owner starts ComfyUI without custom nodes, to find out whether one of them is the trouble."""

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


async def test_safe_mode_is_kept_for_the_next_start_and_comfyui_restarted(
    pod: ControlPlane, supervisor: FakeSupervisor, workspace: Path
) -> None:
    assert (await pod.client.get(ADDRESS)).json() == OFF
    assert (await pod.client.put(ADDRESS, json=ON)).json() == ON
    assert (await pod.client.get(ADDRESS)).json() == ON
    assert json.loads((workspace / "run/safe-mode.json").read_text()) == ON
    assert supervisor.calls == [("stop", "comfyui"), ("start", "comfyui")]


async def test_safe_mode_of_the_variable_is_shown_and_can_be_left(workspace: Path) -> None:
    async with running_control_plane(workspace, safe_mode=True) as pod:
        assert (await pod.client.get(ADDRESS)).json() == ON
        assert (await pod.client.put(ADDRESS, json=OFF)).json() == OFF
        assert (await pod.client.get(ADDRESS)).json() == OFF


async def test_a_comfyui_that_was_stopped_stays_stopped(
    pod: ControlPlane, supervisor: FakeSupervisor
) -> None:
    supervisor.programs["comfyui"] = "STOPPED"
    await pod.client.put(ADDRESS, json=ON)
    assert supervisor.calls == []


@pytest.mark.parametrize("wanted", [{}, {"safe_mode": "perhaps"}, {"safe_mode": None}, []])
async def test_an_answer_that_is_neither_yes_nor_no_is_refused(pod: ControlPlane, wanted: object) -> None:
    assert (await pod.client.put(ADDRESS, json=wanted)).status_code == 400


@pytest.mark.parametrize("content", ["", "[]", "{}", "\0"])
async def test_a_file_that_is_broken_counts_as_no_choice(
    pod: ControlPlane, workspace: Path, content: str
) -> None:
    (workspace / "run").mkdir(parents=True)
    (workspace / "run/safe-mode.json").write_text(content)
    assert (await pod.client.get(ADDRESS)).json() == OFF
