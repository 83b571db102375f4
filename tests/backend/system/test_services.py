"""A user views and controls the services of the pod."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.control_plane import PASSWORD, ControlPlane
from tests.support.supervisor import FakeSupervisor, running_supervisor

PROGRAMS = {"dashboard": "RUNNING", "nginx": "RUNNING", "comfyui": "RUNNING", "jupyter": "NEVER"}


@pytest.fixture
def supervisor(workspace: Path) -> Iterator[FakeSupervisor]:
    with running_supervisor(workspace / "run/supervisor.sock", **PROGRAMS) as fake:
        yield fake


async def states(pod: ControlPlane) -> dict[str, str]:
    return {entry["name"]: entry["state"] for entry in (await pod.client.get("/api/system/services")).json()}


async def test_services_are_listed_with_their_actions(pod: ControlPlane, supervisor: FakeSupervisor) -> None:
    supervisor.programs["comfyui"] = "BACKOFF"
    supervisor.descriptions["comfyui"] = "Exited too quickly"
    services = {entry["name"]: entry for entry in (await pod.client.get("/api/system/services")).json()}
    assert services["comfyui"]["state"] == "backoff"
    assert services["comfyui"]["description"] == "Exited too quickly"
    assert services["comfyui"]["possible"] == ["restart", "stop"]
    assert services["dashboard"]["allowed"] == ["restart"]
    assert services["nginx"]["allowed"] == []
    assert (services["comfyui"]["memory"], services["comfyui"]["port"]) == (None, 3001)
    assert services["nginx"]["memory"] > 10**6
    assert "jupyter" not in services  # this pod has never started it


@pytest.mark.parametrize(
    ("before", "action", "after", "calls"),
    [
        ("RUNNING", "stop", "stopped", ["stop"]),
        ("STOPPED", "stop", "stopped", ["stop"]),
        ("STOPPED", "start", "starting", ["start"]),
        ("RUNNING", "start", "running", ["start"]),
        ("RUNNING", "restart", "starting", ["stop", "start"]),
        ("BACKOFF", "restart", "starting", ["stop", "start"]),
        ("FATAL", "restart", "starting", ["stop", "start"]),
    ],
)
async def test_a_service_is_started_stopped_and_restarted(
    pod: ControlPlane, supervisor: FakeSupervisor, before: str, action: str, after: str, calls: list[str]
) -> None:
    supervisor.programs["comfyui"] = before
    answer = await pod.client.post(f"/api/system/services/comfyui/{action}")
    assert (answer.status_code, answer.json()["state"]) == (200, after)
    assert supervisor.calls == [(call, "comfyui") for call in calls]


@pytest.mark.parametrize("name", ["nginx", "dashboard"])
async def test_services_that_the_pages_need_cannot_be_stopped(
    pod: ControlPlane, supervisor: FakeSupervisor, name: str
) -> None:
    answer = await pod.client.post(f"/api/system/services/{name}/stop")
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "conflict")
    assert supervisor.calls == []


async def test_the_control_plane_restarts_itself(pod: ControlPlane, supervisor: FakeSupervisor) -> None:
    assert (await pod.client.post("/api/system/services/dashboard/restart")).status_code == 200
    assert supervisor.calls == [("TERM", "dashboard")]


async def test_an_unknown_service_is_not_found(pod: ControlPlane, supervisor: FakeSupervisor) -> None:
    for path in ("../../etc/passwd", "apache", "jupyter"):
        answer = await pod.client.post(f"/api/system/services/{path}/restart")
        assert answer.status_code == 404
    assert (await pod.client.get("/api/system/services/apache/log")).status_code == 404
    assert supervisor.calls == []


async def test_an_unknown_action_is_rejected(pod: ControlPlane, supervisor: FakeSupervisor) -> None:
    assert (await pod.client.post("/api/system/services/comfyui/destroy")).status_code == 400


async def test_a_failed_start_is_reported_with_its_reason(
    pod: ControlPlane, supervisor: FakeSupervisor
) -> None:
    supervisor.programs["comfyui"] = "STOPPED"
    supervisor.broken.add("comfyui")
    answer = await pod.client.post("/api/system/services/comfyui/start")
    assert answer.status_code == 503
    assert "ComfyUI did not start: NO_FILE" in answer.json()["error"]["message"]


async def test_without_a_supervisor_there_are_no_services(pod: ControlPlane, workspace: Path) -> None:
    assert await states(pod) == {}
    (workspace / "run").mkdir(parents=True)
    (workspace / "run/supervisor.sock").touch()
    assert await states(pod) == {}


async def test_another_site_cannot_restart_anything(pod: ControlPlane, supervisor: FakeSupervisor) -> None:
    async with pod.anonymous() as browser:
        await browser.post("/api/auth/login", json={"password": PASSWORD})
        answer = await browser.post(
            "/api/system/services/comfyui/restart", headers={"Sec-Fetch-Site": "cross-site"}
        )
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "cross_site")
    assert supervisor.calls == []


@pytest.mark.parametrize(
    ("state", "message"),
    [
        ("STARTING", "It is starting"),
        ("STOPPED", "It was stopped. Start it on the Services page."),
        ("BACKOFF", "It has crashed and will be restarted."),
        ("NEVER", "This pod does not run it."),
    ],
)
async def test_the_page_of_a_service_that_is_down_says_why(
    pod: ControlPlane, supervisor: FakeSupervisor, state: str, message: str
) -> None:
    supervisor.programs["jupyter"] = state
    answer = await pod.client.get("/_pod/starting?service=jupyter", headers={"Accept": "text/html"})
    assert answer.status_code == 503
    assert "JupyterLab is not ready yet" in answer.text
    assert message in answer.text


async def test_the_page_shows_memory_and_port_and_opens_what_runs(
    pod: ControlPlane, supervisor: FakeSupervisor
) -> None:
    page = (await pod.client.get("/services", headers={"Accept": "text/html"})).text
    assert re.search(r"[\d.]+ MB · port 3001", page)
    assert 'href="http://127.0.0.1:3001/"' in page
    log = (await pod.client.get("/services/comfyui", headers={"Accept": "text/html"})).text
    assert "Open ComfyUI" in log
    supervisor.programs["comfyui"] = "STOPPED"
    page = (await pod.client.get("/services", headers={"Accept": "text/html"})).text
    assert "Open ComfyUI" not in page
