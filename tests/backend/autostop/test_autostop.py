"""An idle pod is stopped through its host, and never while something runs."""

import json
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from backend.autostop.hosts import Command, RunPod, Vast
from backend.autostop.models import AutostopView
from backend.autostop.service import Autostop
from backend.core import clock
from backend.core.errors import UpstreamError
from tests.backend.conftest import hub_settings
from tests.support.control_plane import ControlPlane, running_control_plane
from tests.support.hub import Hub
from tests.support.pod_host import KEY, PodHost, running_pod_host

HTML = {"Accept": "text/html", "HX-Request": "true"}


@pytest.fixture
async def host() -> AsyncIterator[PodHost]:
    async with running_pod_host() as running:
        yield running


@pytest.fixture
async def rented(workspace: Path, hub: Hub, host: PodHost) -> AsyncIterator[ControlPlane]:
    """A control plane of a pod on RunPod. Tests run the checks themselves."""
    variables: dict[str, Any] = {
        "runpod_pod_id": "pod123",
        "runpod_api_key": KEY,
        "runpod_endpoint": host.url,
        "autostop_check_seconds": 600,
        "autostop_minutes": 10,
    }
    async with running_control_plane(workspace, **hub_settings(hub), **variables) as plane:
        plane.app.registry.get(Autostop).idleness.terminals = workspace / "terminals"
        yield plane


async def check(plane: ControlPlane, *, idle_minutes: float) -> AutostopView:
    """Check a pod that has been idle for so long."""
    autostop = plane.app.registry.get(Autostop)
    await autostop.check()
    countdown = autostop.countdown
    if countdown.idle_since:
        countdown.idle_since = clock.now() - timedelta(minutes=idle_minutes)
    await autostop.check()
    return autostop.view()


async def test_an_idle_pod_is_stopped(rented: ControlPlane, host: PodHost) -> None:
    view = await check(rented, idle_minutes=4)
    assert (view.warns, view.stopping, host.stopped) == (False, False, [])
    view = await check(rented, idle_minutes=11)
    assert view.stopping
    assert host.stopped == ["pod123"]
    assert "RunPod is stopping this pod" in (await rented.client.get("/autostop/banner")).text


async def test_the_countdown_is_cancelled_on_the_page(rented: ControlPlane, host: PodHost) -> None:
    assert (await check(rented, idle_minutes=6)).warns
    assert (await check(rented, idle_minutes=6)).warns
    log = (await rented.client.get("/api/activity", params={"kind": "autostop.soon"})).json()
    assert [entry["subject"] for entry in log["entries"]] == ["pod"]
    assert "Cancel</button>" in (await rented.client.get("/autostop/banner")).text
    answer = await rented.client.post("/autostop/cancel", headers=HTML)
    assert "Cancel</button>" not in answer.text
    view = (await rented.client.get("/api/autostop")).json()
    assert (view["warns"], host.stopped) == (False, [])


async def test_a_pod_with_a_download_is_not_stopped(rented: ControlPlane, host: PodHost, hub: Hub) -> None:
    file = hub.add("org/model", "slow.safetensors", 100_000)
    gate = hub.hold(file)
    await rented.download(url=hub.url_of(file), folder="loras")
    view = await check(rented, idle_minutes=99)
    gate.release()
    assert view.busy == ["1 file is being downloaded."]
    assert (view.stopping, view.stops_at, host.stopped) == (False, None, [])


async def test_input_on_a_terminal_begins_the_time_anew(
    rented: ControlPlane, host: PodHost, workspace: Path
) -> None:
    (workspace / "terminals").mkdir(parents=True)
    (workspace / "terminals/0").touch()
    view = await check(rented, idle_minutes=11)
    assert (view.stopping, view.warns, host.stopped) == (False, False, [])


@pytest.mark.parametrize(
    ("mode", "key", "message"),
    [
        ("fails", KEY, "it answered 500"),
        ("works", "wrong", "refuses RUNPOD_API_KEY (401)"),
        ("stalls", KEY, "cannot be reached (no response in time)"),
    ],
)
async def test_a_host_that_refuses_is_reported(host: PodHost, mode: str, key: str, message: str) -> None:
    host.mode = mode
    with pytest.raises(UpstreamError) as raised:
        await RunPod(host.url, "pod123", key, limit=1 if mode == "stalls" else 30).stop()
    assert message in raised.value.message
    assert host.requests == 1


async def test_a_refusal_is_shown_and_the_pod_runs_on(rented: ControlPlane, host: PodHost) -> None:
    host.mode = "fails"
    view = await check(rented, idle_minutes=11)
    assert not view.stopping
    assert view.problem
    assert (
        "RunPod did not stop the pod: it answered 500" in (await rented.client.get("/autostop/banner")).text
    )
    assert view.stops_at
    assert view.stops_at > clock.now()
    host.mode = "works"
    view = await check(rented, idle_minutes=11)
    assert host.stopped == []  # not before the pause has ended


async def test_a_host_that_is_not_there_is_reported() -> None:
    with pytest.raises(UpstreamError, match="RunPod cannot be reached"):
        await RunPod("http://127.0.0.1:9", "pod123", KEY).stop()


async def test_vast_stops_an_instance_by_its_number(host: PodHost) -> None:
    await Vast(host.url, "4711", KEY).stop()
    assert host.stopped == ["4711"]


async def test_a_command_of_the_user_stops_the_pod(tmp_path: Path) -> None:
    await Command(f"touch {tmp_path}/stopped").stop()
    assert (tmp_path / "stopped").exists()
    with pytest.raises(UpstreamError, match="exit code 3: no such host"):
        await Command("echo no such host; exit 3").stop()
    with pytest.raises(UpstreamError, match=r"did not end within 0\.2 s"):
        await Command("sleep 1000", limit=0.2).stop()


async def test_the_choice_is_saved_on_the_volume(rented: ControlPlane, workspace: Path) -> None:
    view = (await rented.client.put("/api/autostop", json={"minutes": 1})).json()
    assert (view["minutes"], view["host"]) == (5, "RunPod")
    assert json.loads((workspace / ".comfypod/autostop.json").read_text()) == {"minutes": 5}
    assert 'value="5" selected' in (await rented.client.get("/autostop", headers=HTML)).text
    assert (await rented.client.post("/autostop", data={"minutes": "60"}, headers=HTML)).status_code == 200
    assert (await rented.client.get("/api/autostop")).json()["minutes"] == 60
    for wrong in (-1, 10**9, "soon"):
        assert (await rented.client.put("/api/autostop", json={"minutes": wrong})).status_code == 400


async def test_a_machine_that_nothing_can_stop_says_so(pod: ControlPlane) -> None:
    answer = await pod.client.put("/api/autostop", json={"minutes": 30})
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "no_host")
    assert "AUTOSTOP_COMMAND" in (await pod.client.get("/autostop", headers=HTML)).text
