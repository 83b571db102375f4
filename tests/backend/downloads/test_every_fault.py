"""Whatever goes wrong, wherever: right bytes or none, an honest state, nothing left behind, and a retry mends it."""

import dataclasses
import hashlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.backend.conftest import hub_settings
from tests.support.control_plane import ControlPlane, running_control_plane
from tests.support.hub import Hub, faults
from tests.support.hub.catalogue import HubFile
from tests.support.hub.formats import safetensors

# One look and two connections.
SIZE = 12_000_000
PLACE = "checkpoints/flower.safetensors"
# More often than anything is tried again.
ALWAYS = 40

FAULTS = [
    faults.Cut(after=300_000),
    faults.Cut(after=0),
    faults.Reset(after=300_000),
    faults.Reset(after=0),
    faults.Short(length=1000),
    faults.WrongLength(extra=5000),
    faults.NoLength(),
    faults.LyingContentRange(shift=7),
    faults.LyingContentRange(total=SIZE + 9),
    faults.IgnoreRange(),
    faults.ChangedETag(),
    faults.ChangedETag(on="resolve"),
    faults.ExpiredLink(),
    faults.Redirect(to="http://169.254.169.254/latest/meta-data/"),
    faults.Redirect(to="http://[::1]:1/x"),
    faults.Redirect(to="file:///etc/passwd"),
    faults.RedirectLoop(),
    faults.Stall(after=300_000),
    faults.Status(code=500),
    faults.Status(code=502, on="resolve"),
    faults.Status(code=404, on="resolve"),
    faults.Status(code=416),
    faults.Status(code=204),
    faults.RateLimited(seconds=0),
    faults.RateLimited(seconds=0, on="content"),
    faults.LoginPage(),
    faults.WrongContent(at=0),
    faults.WrongContent(at=SIZE - 1),
    faults.Gzip(),
]
# What is refused for good as soon as it is met, on the way to every connection.
AT_THE_LOOK, AT_A_CONNECTION = 0, 2_000_000


def name_of(value: object) -> str:
    if isinstance(value, faults.Fault):
        known = {"times", "on", "at_least"}
        options = "-".join(
            str(option) for key, option in vars(value).items() if key[0] != "_" and key not in known
        )
        return f"{value.kind}-{value.on}-{options}"[:50]
    return {AT_THE_LOOK: "look", AT_A_CONNECTION: "connection"}.get(value, str(value))  # type: ignore[call-overload, no-any-return]


@pytest.fixture
def model(hub: Hub) -> HubFile:
    return hub.add("acme/models", "flower.safetensors", safetensors(SIZE))


@pytest.fixture
async def pod(workspace: Path, hub: Hub) -> AsyncIterator[ControlPlane]:
    """One that loses its patience soon."""
    async with running_control_plane(workspace, **hub_settings(hub), download_stall_seconds=0.3) as plane:
        yield plane


def is_honest(pod: ControlPlane, model: HubFile, transfer: dict[str, Any]) -> bool:
    """The record says what the disk holds."""
    installed = pod.models / PLACE
    if transfer["state"] == "done":
        right = hashlib.sha256(installed.read_bytes()).hexdigest() == model.content.sha256
        return right and transfer["verification"] == "verified" and pod.rubbish() == []
    as_api_errors = (
        transfer["state"] in ("failed", "quarantined") and len(transfer["problem"]["message"]) > 20
    )
    return as_api_errors and not installed.exists()


@pytest.mark.slow
@pytest.mark.parametrize("at_least", [AT_THE_LOOK, AT_A_CONNECTION], ids=name_of)
@pytest.mark.parametrize("times", [1, ALWAYS], ids=["once", "always"])
@pytest.mark.parametrize("fault", FAULTS, ids=name_of)
async def test_no_fault_makes_a_wrong_file_or_a_lie(
    pod: ControlPlane, hub: Hub, model: HubFile, fault: faults.Fault, times: int, at_least: int
) -> None:
    hub.fault(model, dataclasses.replace(fault, times=times, at_least=at_least))
    transfer = await pod.download(url=hub.url_of(model), folder="checkpoints")
    transfer = await pod.finished(transfer["id"])
    assert is_honest(pod, model, transfer), transfer
    hub.clear_faults()
    if transfer["state"] != "done":
        await pod.client.post(f"/api/downloads/{transfer['id']}/retry")
        transfer = await pod.finished(transfer["id"])
    assert transfer["state"] == "done"
    assert is_honest(pod, model, transfer), transfer


async def test_a_storm_of_errors_is_sat_out(pod: ControlPlane, hub: Hub, model: HubFile) -> None:
    hub.fault(model, faults.Status(code=503, times=3))
    transfer = await pod.download(url=hub.url_of(model), folder="checkpoints")
    assert (await pod.finished(transfer["id"]))["state"] == "done"


async def test_who_is_asked_to_slow_down_shows_until_when(
    pod: ControlPlane, hub: Hub, model: HubFile
) -> None:
    hub.fault(model, faults.RateLimited(seconds=100))
    transfer = await pod.download(url=hub.url_of(model), folder="checkpoints")
    waiting = await pod.until(transfer["id"], lambda seen: seen["state"] == "retrying")
    assert waiting["problem"]["code"] == "rate_limited"
    assert waiting["retry_at"] is not None
    assert waiting["failures"] == 1


async def test_a_slow_drip_arrives_all_the_same(pod: ControlPlane, hub: Hub) -> None:
    small = hub.add("acme/models", "small.safetensors", safetensors(2000))
    hub.fault(small, faults.Drip(rate=4000))
    transfer = await pod.download(url=hub.url_of(small), folder="checkpoints")
    assert (await pod.finished(transfer["id"]))["verification"] == "verified"


async def test_an_address_that_expires_in_the_middle_is_asked_for_again(
    pod: ControlPlane, hub: Hub, model: HubFile
) -> None:
    gate = hub.hold(model, after=5_000_000)
    transfer = await pod.download(url=hub.url_of(model), folder="checkpoints")
    await pod.until(transfer["id"], lambda seen: seen["received"] >= 4_000_000)
    hub.expire_links()
    await pod.client.post(f"/api/downloads/{transfer['id']}/pause")
    gate.release()
    await pod.client.post(f"/api/downloads/{transfer['id']}/resume")
    done = await pod.finished(transfer["id"])
    assert (done["verification"], done["failures"]) == ("verified", 0)


async def test_a_file_that_changes_while_it_is_fetched_starts_over(pod: ControlPlane, hub: Hub) -> None:
    first = hub.add_plain("rose.safetensors", safetensors(SIZE, seed=1))
    gate = hub.hold(first, after=5_000_000)
    transfer = await pod.download(url=hub.url_of(first), folder="checkpoints")
    await pod.until(transfer["id"], lambda seen: seen["received"] >= 4_000_000)
    await pod.client.post(f"/api/downloads/{transfer['id']}/pause")
    second = hub.add_plain("rose.safetensors", safetensors(SIZE + 1000, seed=2))
    gate.release()
    await pod.client.post(f"/api/downloads/{transfer['id']}/resume")
    assert (await pod.finished(transfer["id"]))["state"] == "done"
    content = (pod.models / "checkpoints/rose.safetensors").read_bytes()
    assert hashlib.sha256(content).hexdigest() == second.content.sha256
