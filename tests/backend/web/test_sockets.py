"""WebSockets send a snapshot, then changes, and close cleanly."""

import asyncio
import json

import pytest
import websockets

from tests.support.control_plane import ControlPlane
from tests.support.hub import Hub
from tests.support.hub.formats import safetensors

CHANNELS = ["/ws/downloads", "/ws/storage", "/ws/system"]


@pytest.mark.parametrize("path", CHANNELS)
async def test_a_snapshot_comes_first(pod: ControlPlane, path: str) -> None:
    async with pod.socket(path) as frames:
        assert json.loads(await frames.recv())["type"] == "snapshot"


@pytest.mark.parametrize("path", [*CHANNELS, "/ws/downloads/anything"])
async def test_a_socket_is_refused_without_a_sign_in(pod: ControlPlane, path: str) -> None:
    address = pod.url.replace("http://", "ws://") + path
    with pytest.raises(websockets.InvalidStatus) as refused:
        async with websockets.connect(address):
            pass
    response = refused.value.response
    assert response.status_code == 401
    assert json.loads(response.body)["error"]["code"] == "sign_in_required"


async def test_another_site_cannot_listen_with_the_browsers_cookie(pod: ControlPlane) -> None:
    address = pod.url.replace("http://", "ws://") + "/ws/system"
    token = pod.client.headers["Authorization"].removeprefix("Bearer ")
    headers = {"Cookie": f"comfypod_session={token}", "Origin": "https://evil.example"}
    with pytest.raises(websockets.InvalidStatus):
        async with websockets.connect(address, additional_headers=headers):
            pass


async def test_every_client_receives_the_frames_of_a_download(pod: ControlPlane, hub: Hub) -> None:
    model = hub.add("acme/models", "tulip.safetensors", safetensors(100_000))
    async with pod.socket("/ws/downloads") as one, pod.socket("/ws/downloads") as other:
        for frames in (one, other):
            await frames.recv()
        await pod.download(url=hub.url_of(model), folder="vae")
        for frames in (one, other):
            states = []
            async with asyncio.timeout(30):
                while "done" not in states:
                    frame = json.loads(await frames.recv())
                    if frame["type"] == "changed":
                        states.append(frame["transfer"]["state"])
            assert states[-1] == "done"


async def test_clients_that_connect_during_a_change_soon_see_the_last_state(
    pod: ControlPlane, hub: Hub
) -> None:
    async def until_done(transfer_id: str) -> None:
        state = None
        while state != "done":
            async with pod.socket("/ws/downloads") as frames:
                transfers = json.loads(await frames.recv())["transfers"]
                state = {transfer["id"]: transfer["state"] for transfer in transfers}[transfer_id]

    for number in range(12):
        model = hub.add("acme/models", f"{number}.safetensors", safetensors(2000, seed=number))
        transfer = await pod.download(url=hub.url_of(model), folder="loras")
        async with asyncio.timeout(20):
            await asyncio.gather(*(until_done(transfer["id"]) for _ in range(4)))


async def test_progress_is_one_small_frame_for_all_rows(pod: ControlPlane, hub: Hub) -> None:
    model = hub.add("acme/models", "tulip.safetensors", safetensors(4_000_000))
    gate = hub.hold(model, after=3_000_000)
    async with pod.socket("/ws/downloads") as frames, asyncio.timeout(30):
        transfer = await pod.download(url=hub.url_of(model), folder="vae")
        while True:
            frame = json.loads(await frames.recv())
            if frame["type"] == "progress" and frame["rows"][0][1] > 0:
                break
    ((transfer_id, received, total, _speed, _left, checked, connections),) = frame["rows"]
    assert (transfer_id, total, connections) == (transfer["id"], 4_000_000, 1)
    assert 0 <= checked <= received <= 3_000_000
    gate.release()
    await pod.finished(transfer["id"])


async def test_a_late_client_gets_the_current_state(pod: ControlPlane, hub: Hub) -> None:
    model = hub.add("acme/models", "tulip.safetensors", safetensors(1000))
    transfer = await pod.download(url=hub.url_of(model), folder="vae")
    await pod.finished(transfer["id"])
    async with pod.socket("/ws/downloads") as frames:
        (row,) = json.loads(await frames.recv())["transfers"]
    assert (row["id"], row["state"]) == (transfer["id"], "done")


async def test_an_unknown_download_has_no_channel(pod: ControlPlane) -> None:
    with pytest.raises(websockets.InvalidStatus) as refused:
        async with pod.socket("/ws/downloads/nothing"):
            pass
    assert refused.value.response.status_code == 404


async def test_clients_get_going_away_when_the_control_plane_stops(pod: ControlPlane) -> None:
    async with pod.socket("/ws/system") as frames:
        await frames.recv()
        pod.app.close_channels()
        async for _ in frames:
            pass
    assert frames.close_code == 1001
