"""A user sees why ComfyUI crashed, what to do, and which custom nodes failed."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from backend.system.crash_causes import MAX_LINES, cause_of, relevant_lines
from backend.system.node_imports import failures_in
from tests.support.control_plane import ControlPlane
from tests.support.supervisor import FakeSupervisor, running_supervisor

HTML = {"Accept": "text/html"}
SAGE = """\
Total VRAM 16000 MB, total RAM 32000 MB
To use the `--use-sage-attention` feature, the `sageattention` package must be installed first.
command:
\t/workspace/venv/bin/python -m pip install sageattention
"""
NODE = """\
Traceback (most recent call last):
  File "/workspace/ComfyUI/main.py", line 210, in execute_prestartup_script
  File "/workspace/ComfyUI/custom_nodes/broken-node/__init__.py", line 3, in <module>
RuntimeError: the token is hf_secret_token
"""


@pytest.fixture
def supervisor(workspace: Path) -> Iterator[FakeSupervisor]:
    with running_supervisor(workspace / "run/supervisor.sock", dashboard="RUNNING", comfyui="EXITED") as fake:
        yield fake


def report(
    workspace: Path, *, exits: int, output: str = "", code: int = 1, restart_in: float | None = 5, **more: Any
) -> None:
    """Write what the supervisor's plug-in reports."""
    now = time.time()
    content = {
        "started_at": None,
        "ready": False,
        "restart_at": None if restart_in is None else now + restart_in,
        "stays_down": restart_in is None,
        "exits": [{"at": now, "code": code, "seconds": 8.2, "was_ready": False}] * exits,
        "output": output,
        **more,
    }
    (workspace / "run").mkdir(parents=True, exist_ok=True)
    (workspace / "run/comfyui.json").write_text(json.dumps(content))


async def test_a_crash_is_shown_with_exit_code_lines_and_remedy(
    pod: ControlPlane, workspace: Path, supervisor: FakeSupervisor
) -> None:
    report(workspace, exits=2, output=SAGE, code=255)
    view = (await pod.client.get("/api/system")).json()
    crash = view["comfyui"]["crash"]
    assert (view["comfyui"]["state"], crash["exit_code"], crash["count"]) == ("backoff", 255, 2)
    assert (
        "crashed 2 times in a row (exit code 255, 8 s after its start, before it was ready)"
        in crash["message"]
    )
    assert "--use-sage-attention needs the package sageattention" in crash["message"]
    assert "pip install sageattention" in crash["remedy"]
    assert any("must be installed first" in line for line in crash["lines"])
    assert "comfyui_crashed" in [problem["code"] for problem in view["problems"]]
    for path in ("/services", "/"):
        assert "--use-sage-attention needs the package" in (await pod.client.get(path, headers=HTML)).text
    starting = await pod.client.get("/_pod/starting?service=comfyui", headers=HTML)
    assert "--use-sage-attention needs the package" in starting.text


async def test_one_that_crashed_too_often_waits_for_the_user(
    pod: ControlPlane, workspace: Path, supervisor: FakeSupervisor
) -> None:
    report(workspace, exits=5, output=NODE, restart_in=None)
    services = (await pod.client.get("/api/system/services")).json()
    assert [service["state"] for service in services] == ["running", "fatal"]
    page = (await pod.client.get("/services", headers=HTML)).text
    assert 'aria-label="Start again ComfyUI"' in page
    assert "The custom node broken-node raised an error." in page
    assert "It is not started again by itself." in page
    assert "hf_secret_token" not in page
    await pod.client.post("/api/system/services/comfyui/start")
    assert supervisor.calls == [("start", "comfyui")]


async def test_one_that_waits_for_its_restart_can_be_stopped(
    pod: ControlPlane, workspace: Path, supervisor: FakeSupervisor
) -> None:
    report(workspace, exits=1)
    answer = await pod.client.post("/api/system/services/comfyui/stop")
    assert answer.status_code == 200
    assert supervisor.cancelled == ["comfyui"]


async def test_comfyui_counts_as_running_when_it_listens(
    pod: ControlPlane, workspace: Path, supervisor: FakeSupervisor
) -> None:
    supervisor.programs["comfyui"] = "RUNNING"
    report(workspace, exits=1, output=NODE, started_at=time.time(), restart_at=None)
    view = (await pod.client.get("/api/system")).json()["comfyui"]
    assert (view["state"], view["crash"]["count"]) == ("starting", 1)
    report(workspace, exits=1, output=NODE, started_at=time.time(), restart_at=None, ready=True)
    view = (await pod.client.get("/api/system")).json()["comfyui"]
    assert (view["state"], view["crash"]) == ("running", None)


async def test_nodes_that_failed_to_import_are_listed(
    pod: ControlPlane, workspace: Path, supervisor: FakeSupervisor
) -> None:
    log = workspace / "logs/comfyui.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    log.write_text(
        "workspace: ready in 0.2 s (warm)\n"
        "Cannot import /n/old module for custom nodes: it was removed since\n"
        "workspace: ready in 0.2 s (warm)\n"
        "Cannot import /n/one module for custom nodes: No module named 'cv2'\n"
        "   0.1 seconds (IMPORT FAILED): /n/one\n"
    )
    supervisor.programs["comfyui"] = "RUNNING"
    report(workspace, exits=0, started_at=time.time(), restart_at=None, ready=True)
    view = (await pod.client.get("/api/system")).json()
    assert view["comfyui"]["failed_nodes"] == [{"name": "one", "error": "No module named 'cv2'"}]
    assert "could not import 1 custom node: one." in view["problems"][-1]["message"]
    assert "one: " in (await pod.client.get("/services", headers=HTML)).text


async def test_a_hook_that_failed_is_shown_with_its_output(
    pod: ControlPlane, workspace: Path, supervisor: FakeSupervisor
) -> None:
    failed = {
        "name": "10-mount",
        "stage": "before-comfyui",
        "state": "failed",
        "exit_code": 7,
        "seconds": 0.5,
    }
    (workspace / "run").mkdir(parents=True, exist_ok=True)
    hooks = {"hooks": [{**failed, "output": ["the token is hf_secret_token"]}]}
    (workspace / "run/hooks.json").write_text(json.dumps(hooks))
    view = (await pod.client.get("/api/system")).json()
    assert "before-comfyui.d/10-mount failed with exit code 7" in view["problems"][-1]["message"]
    page = (await pod.client.get("/services", headers=HTML)).text
    assert "before-comfyui.d/10-mount" in page
    assert "the token is •••" in page


async def test_a_damaged_report_is_ignored(
    pod: ControlPlane, workspace: Path, supervisor: FakeSupervisor
) -> None:
    (workspace / "run").mkdir(parents=True, exist_ok=True)
    (workspace / "run/comfyui.json").write_text('{"exits": 3')
    assert (await pod.client.get("/api/system")).json()["comfyui"]["state"] == "exited"


@pytest.mark.parametrize(
    ("code", "output", "reason"),
    [
        (1, NODE, "The custom node broken-node raised an error."),
        (1, "ModuleNotFoundError: No module named 'kornia.core'", "The Python package kornia is missing."),
        (1, "OSError: [Errno 28] No space left on device", "The disk is full."),
        (1, "Could not acquire lock on database 'x'.", "Another pod uses ComfyUI's database"),
        (-9, "loading", "The system killed it"),
        (-11, "", "Native code crashed"),
        (3, "", ""),
        (-64, "", ""),
    ],
)
def test_the_cause_is_named(code: int, output: str, reason: str) -> None:
    cause = cause_of(code, relevant_lines(output))
    assert cause.reason.startswith(reason)
    assert cause.remedy


def test_only_the_last_traceback_is_shown() -> None:
    output = f"{NODE}\nmore\n" + "line\n" * 100 + NODE
    assert relevant_lines(output) == NODE.rstrip().splitlines()
    assert len(relevant_lines("line\n" * 1000)) == MAX_LINES


def test_a_node_that_failed_before_is_not_taken_for_the_reason() -> None:
    output = f"{NODE}Cannot import /n/broken-node module for custom nodes: no such model\nleaving now\n"
    assert relevant_lines(output) == ["leaving now"]
    assert "safe mode" in cause_of(3, relevant_lines(output)).remedy


def test_a_node_whose_reason_comes_from_its_traceback() -> None:
    lines = [
        "RuntimeError: boom",
        "Cannot import /n/a module for custom nodes: see above",
        "",
        "ValueError: later",
    ]
    assert [(node.name, node.error) for node in failures_in(lines)] == [("a", "RuntimeError: boom")]
