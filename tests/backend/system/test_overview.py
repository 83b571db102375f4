"""A user views the state of the pod."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.backend.conftest import hub_settings
from tests.support.comfyui.process import running_comfyui
from tests.support.control_plane import ControlPlane, running_control_plane
from tests.support.hub import Hub
from tests.support.supervisor import running_supervisor


async def test_a_machine_without_gpu_is_reported(pod: ControlPlane) -> None:
    view = (await pod.client.get("/api/system")).json()
    assert view["disk"]["total"] > 0
    assert view["accelerator"]["kind"] in ("cpu", "cuda")
    assert (view["comfyui"]["up"], view["comfyui"]["state"]) == (False, "unknown")
    assert view["workspace"] is None


async def test_the_reports_of_the_boot_scripts_are_shown(pod: ControlPlane, workspace: Path) -> None:
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
async def test_the_starting_page_says_what_comfyui_waits_for(
    pod: ControlPlane, workspace: Path, report: dict[str, Any], reason: str
) -> None:
    (workspace / "run").mkdir(parents=True)
    (workspace / "run" / "workspace.json").write_text(json.dumps(report))
    answer = await pod.client.get("/_pod/starting?service=comfyui", headers={"Accept": "text/html"})
    assert reason in answer.text
    other = await pod.client.get("/_pod/starting?service=jupyter", headers={"Accept": "text/html"})
    assert "This pod does not run it." in other.text


async def test_an_incomplete_report_is_ignored(pod: ControlPlane, workspace: Path) -> None:
    (workspace / "run").mkdir(parents=True)
    (workspace / "run" / "workspace.json").write_text('{"state": "prep')
    assert (await pod.client.get("/api/system")).json()["workspace"] is None


async def test_a_workspace_that_is_not_writable_is_not_ready(
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


@pytest.mark.parametrize(
    ("variables", "opened"),
    [
        (
            {},
            {
                "http://gpu.lan:8001": "http://gpu.lan:3001/",
                "https://[2001:db8::7]:8001": "https://[2001:db8::7]:3001/",
            },
        ),
        (
            {"runpod_pod_id": "k3x9"},
            {
                "https://k3x9-8001.proxy.runpod.net": "https://k3x9-3001.proxy.runpod.net/",
                "http://localhost:8001": "http://localhost:3001/",
            },
        ),
        (
            {"vast_tcp_port_3001": 41001, "vast_tcp_port_8889": 41889},
            {
                "http://203.0.113.7:40123": "http://203.0.113.7:41001/",
                "http://127.0.0.1:8001": "http://127.0.0.1:3001/",
            },
        ),
    ],
)
async def test_service_addresses_follow_the_port_mapping_of_the_host(
    workspace: Path, hub: Hub, variables: dict[str, Any], opened: dict[str, str]
) -> None:
    socket = workspace / "run/supervisor.sock"
    async with running_control_plane(workspace, **hub_settings(hub), **variables) as pod:
        with running_supervisor(socket, comfyui="RUNNING", jupyter="RUNNING", sshd="RUNNING"):
            for asked, comfyui in opened.items():
                scheme, _, host = asked.partition("://")
                headers = {"Host": host, "X-Forwarded-Proto": scheme}
                addresses = (await pod.client.get("/api/system/addresses", headers=headers)).json()
                assert addresses["comfyui"] == comfyui
                assert addresses.keys() == {"comfyui", "jupyter"}
        assert (await pod.client.get("/api/system/addresses")).json() == {}


async def test_the_overview_links_to_comfyui(workspace: Path, hub: Hub, tmp_path: Path) -> None:
    with running_comfyui(tmp_path / "comfyui") as url:
        async with running_control_plane(workspace, **hub_settings(hub), comfyui_url=url) as pod:
            await pod.client.get("/api/system")  # a sample, which pages do not wait for
            outside_a_pod = (await pod.client.get("/", headers={"Accept": "text/html"})).text
            with running_supervisor(workspace / "run/supervisor.sock", comfyui="RUNNING"):
                await pod.client.get("/api/system")
                page = (await pod.client.get("/", headers={"Accept": "text/html"})).text
    assert "Running" in outside_a_pod
    assert "Open ComfyUI" not in outside_a_pod
    assert 'href="http://127.0.0.1:3001/" target="_blank" rel="noopener">Open ComfyUI</a>' in page


@pytest.mark.parametrize(
    ("state", "sentence", "button"),
    [
        ("STOPPED", "It was stopped.", "Start ComfyUI"),
        ("BACKOFF", "It has crashed and will be restarted.", "Restart ComfyUI"),
        ("FATAL", "It has crashed too often.", "Start ComfyUI"),
        ("RUNNING", "It is starting or restarting", "Restart ComfyUI"),
    ],
)
async def test_the_overview_says_why_comfyui_is_down_and_what_to_do(
    pod: ControlPlane, workspace: Path, state: str, sentence: str, button: str
) -> None:
    with running_supervisor(workspace / "run/supervisor.sock", comfyui=state):
        await pod.client.get("/api/system")
        page = (await pod.client.get("/", headers={"Accept": "text/html"})).text
    assert sentence in page
    assert f">{button}</button>" in page
    assert 'href="/services/comfyui">Log of ComfyUI</a>' in page
    assert "Open ComfyUI" not in page


async def test_storage_counts_models_by_folder(pod: ControlPlane) -> None:
    folder = pod.models / "loras" / "style"
    folder.mkdir(parents=True)
    (folder / "a.safetensors").write_bytes(b"12345")
    (pod.models / "loras" / "put_loras_here").touch()
    view = (await pod.client.get("/api/storage")).json()
    assert view["folders"] == [{"name": "loras", "files": 1, "bytes": 5}]
