"""The owner looks at how the pod is."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.backend.conftest import hub_settings
from tests.support.control_plane import ControlPlane, running_control_plane
from tests.support.hub import Hub


async def test_a_machine_without_gpu_says_so(pod: ControlPlane) -> None:
    view = (await pod.client.get("/api/system")).json()
    assert view["disk"]["total"] > 0
    assert view["accelerator"]["kind"] in ("cpu", "cuda")
    assert view["comfyui"] == {"up": False, "version": None, "state": "unknown"}
    assert view["workspace"] is None


async def test_what_the_boot_scripts_found_is_shown(pod: ControlPlane, workspace: Path) -> None:
    run = workspace / "run"
    run.mkdir(parents=True)
    (run / "accelerator.json").write_text(
        json.dumps({"kind": "cpu", "verdict": "driver_too_old", "message": "The driver is too old."})
    )
    (run / "workspace.json").write_text(
        json.dumps(
            {
                "state": "failed",
                "case": "read_only",
                "problems": [{"code": "ro", "message": "Read-only.", "remedy": "Remount."}],
            }
        )
    )
    view = (await pod.client.get("/api/system")).json()
    assert view["accelerator"]["verdict"] == "driver_too_old"
    assert view["workspace"]["problems"][0]["remedy"] == "Remount."


@pytest.mark.parametrize(
    ("report", "reason"),
    [
        ({"state": "ready", "activity": "Installing the packages of 1 node: A."}, "Installing the packages"),
        (
            {"state": "failed", "problems": [{"code": "x", "message": "Locked.", "remedy": "Wait."}]},
            "Locked. Wait.",
        ),
        (
            {"state": "ready", "problems": [{"code": "x", "message": "A node is left out."}]},
            "does not run it",
        ),
    ],
)
async def test_who_opens_comfyui_too_soon_is_told_what_it_waits_for(
    pod: ControlPlane, workspace: Path, report: dict[str, Any], reason: str
) -> None:
    (workspace / "run").mkdir(parents=True)
    (workspace / "run" / "workspace.json").write_text(json.dumps(report))
    answer = await pod.client.get("/_pod/starting?service=comfyui", headers={"Accept": "text/html"})
    assert reason in answer.text
    other = await pod.client.get("/_pod/starting?service=jupyter", headers={"Accept": "text/html"})
    assert "This pod does not run it." in other.text


async def test_a_report_that_is_half_written_does_no_harm(pod: ControlPlane, workspace: Path) -> None:
    (workspace / "run").mkdir(parents=True)
    (workspace / "run" / "workspace.json").write_text('{"state": "prep')
    assert (await pod.client.get("/api/system")).json()["workspace"] is None


async def test_a_workspace_that_cannot_be_written_is_not_ready(
    workspace: Path, hub: Hub, tmp_path: Path
) -> None:
    workspace.parent.mkdir(exist_ok=True)
    workspace.write_text("a file where a folder should be")
    settings = hub_settings(hub) | {"state_dir": tmp_path / "state", "run_dir": tmp_path / "run"}
    async with running_control_plane(workspace, **settings) as pod:
        answer = await pod.client.get("/readyz")
        assert answer.status_code == 503
        assert answer.json()["missing"][0]["code"] == "workspace_not_writable"
        assert (await pod.client.get("/healthz")).status_code == 200


async def test_storage_counts_models_by_folder(pod: ControlPlane) -> None:
    folder = pod.models / "loras" / "style"
    folder.mkdir(parents=True)
    (folder / "a.safetensors").write_bytes(b"12345")
    (pod.models / "loras" / "put_loras_here").touch()
    view = (await pod.client.get("/api/storage")).json()
    assert view["folders"] == [{"name": "loras", "files": 1, "bytes": 5}]
