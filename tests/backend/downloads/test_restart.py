"""After a restart of the control plane, progress is correct at once and delayed retries stay delayed."""

import sqlite3
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from backend.core import clock
from tests.backend.conftest import hub_settings
from tests.support.control_plane import ControlPlane, running_control_plane
from tests.support.hub import Hub, faults
from tests.support.hub.catalogue import HubFile
from tests.support.hub.formats import safetensors

SIZE = 4_000_000


@pytest.fixture
def model(hub: Hub) -> HubFile:
    return hub.add("acme/models", "ant.safetensors", safetensors(SIZE))


async def shown(pod: ControlPlane, transfer: dict[str, Any]) -> dict[str, Any]:
    body: dict[str, Any] = (await pod.client.get(f"/api/downloads/{transfer['id']}")).json()
    return body


@pytest.mark.parametrize("killed", [False, True], ids=["stopped", "killed"])
async def test_received_bytes_are_counted_at_once(
    workspace: Path, hub: Hub, model: HubFile, killed: bool
) -> None:
    gate = hub.hold(model, after=2_000_000)
    async with running_control_plane(workspace, **hub_settings(hub)) as pod:
        transfer = await pod.download(url=hub.url_of(model), folder="loras")
        await pod.until(transfer["id"], lambda seen: seen["received"] >= 1_500_000)
    gate.release()
    if killed:
        undo_last_record(workspace)
    async with running_control_plane(workspace, **hub_settings(hub)) as pod:
        done = await pod.finished(transfer["id"])
        assert (done["verification"], done["checked"], done["received"]) == ("verified", SIZE, SIZE)
        lines = (await pod.client.get(f"/api/downloads/{transfer['id']}/log")).json()
        begun = [line["message"] for line in lines if line["message"].startswith(("Started", "Resumed"))]
        assert begun[0] == "Started."
        assert int(begun[1].split()[2]) >= 1_500_000


def undo_last_record(workspace: Path) -> None:
    """Reset the record to its state at the start of the transfer, as a kill leaves it."""
    with sqlite3.connect(workspace / ".comfypod/comfypod.db") as database:
        assert database.execute("UPDATE transfers SET received = 0, state = 'running'").rowcount == 1
    database.close()


async def test_a_requested_delay_of_an_hour_survives_a_restart(
    workspace: Path, hub: Hub, model: HubFile
) -> None:
    hub.fault(model, faults.RateLimited(seconds=3600))
    async with running_control_plane(workspace, **hub_settings(hub)) as pod:
        transfer = await pod.download(url=hub.url_of(model), folder="loras")
        waiting = await pod.until(transfer["id"], lambda seen: seen["state"] == "retrying")
        due = datetime.fromisoformat(waiting["retry_at"])
        assert due - clock.now() > timedelta(minutes=50)
    async with running_control_plane(workspace, **hub_settings(hub)) as pod:
        other = hub.add("acme/models", "bee.safetensors", safetensors(1000, seed=2))
        fetched = await pod.download(url=hub.url_of(other), folder="loras")
        await pod.finished(fetched["id"])
        assert await shown(pod, transfer) == waiting
        await pod.client.post(f"/api/downloads/{transfer['id']}/retry")
        assert (await pod.finished(transfer["id"]))["state"] == "done"
