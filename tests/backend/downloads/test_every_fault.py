"""For every fault at every hop: correct bytes or none, a correct state, no leftovers, and a retry succeeds."""

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

# One metadata request and two connections.
SIZE = 12_000_000
DESTINATION = "checkpoints/flower.safetensors"
# More often than the retry limit.
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
# Faults that fail the transfer at once, at every connection.
AT_RESOLVE, AT_A_CONNECTION = 0, 2_000_000


def name_of(value: object) -> str:
    if isinstance(value, faults.Fault):
        known = {"times", "on", "at_least"}
        options = "-".join(
            str(option) for key, option in vars(value).items() if key[0] != "_" and key not in known
        )
        return f"{value.kind}-{value.on}-{options}"[:50]
    return {AT_RESOLVE: "look", AT_A_CONNECTION: "connection"}.get(value, str(value))  # type: ignore[call-overload, no-any-return]


@pytest.fixture
def model(hub: Hub) -> HubFile:
    return hub.add("acme/models", "flower.safetensors", safetensors(SIZE))


@pytest.fixture
async def pod(workspace: Path, hub: Hub) -> AsyncIterator[ControlPlane]:
    """Run a control plane with short timeouts."""
    async with running_control_plane(workspace, **hub_settings(hub), download_stall_seconds=0.3) as plane:
        yield plane


def agrees_with_disk(pod: ControlPlane, model: HubFile, transfer: dict[str, Any]) -> bool:
    """Return True if the record agrees with the disk."""
    installed = pod.models / DESTINATION
    if transfer["state"] == "done":
        right = hashlib.sha256(installed.read_bytes()).hexdigest() == model.content.sha256
        return right and transfer["verification"] == "verified" and pod.leftovers() == []
    as_api_errors = (
        transfer["state"] in ("failed", "quarantined") and len(transfer["problem"]["message"]) > 20
    )
    return as_api_errors and not installed.exists()


@pytest.mark.slow
@pytest.mark.parametrize("at_least", [AT_RESOLVE, AT_A_CONNECTION], ids=name_of)
@pytest.mark.parametrize("times", [1, ALWAYS], ids=["once", "always"])
@pytest.mark.parametrize("fault", FAULTS, ids=name_of)
async def test_no_fault_leads_to_a_wrong_file_or_a_wrong_state(
    pod: ControlPlane, hub: Hub, model: HubFile, fault: faults.Fault, times: int, at_least: int
) -> None:
    hub.fault(model, dataclasses.replace(fault, times=times, at_least=at_least))
    transfer = await pod.download(url=hub.url_of(model), folder="checkpoints")
    transfer = await pod.finished(transfer["id"])
    assert agrees_with_disk(pod, model, transfer), transfer
    hub.clear_faults()
    if transfer["state"] != "done":
        await pod.client.post(f"/api/downloads/{transfer['id']}/retry")
        transfer = await pod.finished(transfer["id"])
    assert transfer["state"] == "done"
    assert agrees_with_disk(pod, model, transfer), transfer


async def test_a_series_of_errors_is_retried(pod: ControlPlane, hub: Hub, model: HubFile) -> None:
    hub.fault(model, faults.Status(code=503, times=3))
    transfer = await pod.download(url=hub.url_of(model), folder="checkpoints")
    assert (await pod.finished(transfer["id"]))["state"] == "done"


async def test_a_rate_limited_transfer_shows_when_it_retries(
    pod: ControlPlane, hub: Hub, model: HubFile
) -> None:
    hub.fault(model, faults.RateLimited(seconds=100))
    transfer = await pod.download(url=hub.url_of(model), folder="checkpoints")
    waiting = await pod.until(transfer["id"], lambda seen: seen["state"] == "retrying")
    assert waiting["problem"]["code"] == "rate_limited"
    assert waiting["retry_at"] is not None
    assert waiting["failures"] == 1


async def test_a_very_slow_download_completes(pod: ControlPlane, hub: Hub) -> None:
    small = hub.add("acme/models", "small.safetensors", safetensors(2000))
    hub.fault(small, faults.Drip(rate=4000))
    transfer = await pod.download(url=hub.url_of(small), folder="checkpoints")
    assert (await pod.finished(transfer["id"]))["verification"] == "verified"


async def test_a_signed_url_that_expires_during_the_download_is_renewed(
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


async def test_a_file_that_changes_during_the_download_starts_over(pod: ControlPlane, hub: Hub) -> None:
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
