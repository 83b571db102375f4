"""ComfyUI crashes on a real pod: the owner sees the reason, and it is not restarted for ever."""

import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.image.boot.test_services import act, volume_with_node
from tests.image.support.pod import Pod

# A crash must be visible this soon.
VISIBLE_SECONDS = 15
EXPECTED = (r"WARN exited: comfyui", r"Traceback", r"RuntimeError", r"WARNING: --use-", r"IMPORT FAILED")


def comfyui_of(owner: httpx.Client, pod: Pod) -> dict[str, Any]:
    state: dict[str, Any] = owner.get(f"{pod.dashboard}/api/system").json()["comfyui"]
    return state


def wait_for_crash(owner: httpx.Client, pod: Pod, count: int, limit_s: float) -> dict[str, Any]:
    deadline = time.monotonic() + limit_s
    while time.monotonic() < deadline:
        state = comfyui_of(owner, pod)
        if state["crash"] and state["crash"]["count"] >= count:
            return state
        time.sleep(0.2)
    raise AssertionError(f"{count} crashes are not shown after {limit_s} s:\n{pod.logs()[-4000:]}")


@pytest.mark.slow
def test_one_that_crashes_after_it_listens_is_shown_and_restarted(minimal_cpu: str) -> None:
    variables = {"FAKE_COMFYUI_CRASH_AFTER": "8"}
    with Pod(minimal_cpu, variables=variables, expected=EXPECTED) as pod, pod.owner_when_healthy() as owner:
        pod.wait_for_comfyui()
        state = wait_for_crash(owner, pod, count=1, limit_s=8 + VISIBLE_SECONDS)
        assert state["crash"]["exit_code"] == -9
        assert "The system killed it" in state["crash"]["message"]
        pod.wait_for_comfyui(times=2)


@pytest.mark.slow
def test_one_that_always_crashes_stays_down_until_it_is_started_again(
    minimal_cpu: str, tmp_path: Path
) -> None:
    mount = volume_with_node(
        tmp_path, "import os; print('RuntimeError: no such thing', flush=True); os._exit(3)"
    )
    with Pod(minimal_cpu, *mount, expected=EXPECTED) as pod, pod.owner_when_healthy() as owner:
        first = wait_for_crash(owner, pod, count=1, limit_s=VISIBLE_SECONDS)
        assert first["crash"]["exit_code"] == 3
        assert any("no such thing" in line for line in first["crash"]["lines"])
        last = wait_for_crash(owner, pod, count=5, limit_s=90)
        assert (last["state"], last["crash"]["stays_down"]) == ("fatal", True)
        listed = pod.run("comfypod", "services")
        assert "comfyui\tfatal" in listed
        assert "ComfyUI crashed 5 times in a row (exit code 3" in listed
        (tmp_path / "ComfyUI/custom_nodes/somebodys-node/__init__.py").write_text(
            "NODE_CLASS_MAPPINGS = {}\n"
        )
        act(owner, pod, "comfyui", "start")
        pod.wait_for_comfyui()


def test_a_missing_package_and_a_broken_node_are_named(minimal_cpu: str, tmp_path: Path) -> None:
    mount = volume_with_node(tmp_path, "raise RuntimeError('no such model')")
    variables = {"COMFYUI_EXTRA_ARGS": "--use-sage-attention"}
    with (
        Pod(minimal_cpu, *mount, variables=variables, expected=EXPECTED) as pod,
        pod.owner_when_healthy() as owner,
    ):
        pod.wait_for_comfyui()
        deadline = time.monotonic() + VISIBLE_SECONDS
        while not (failed := comfyui_of(owner, pod)["failed_nodes"]) and time.monotonic() < deadline:
            time.sleep(0.2)
        assert failed == [{"name": "somebodys-node", "error": "RuntimeError: no such model"}]
        problems = owner.get(f"{pod.dashboard}/api/system").json()["workspace"]["problems"]
        assert any("--use-sage-attention of COMFYUI_EXTRA_ARGS is left out" in p["message"] for p in problems)
