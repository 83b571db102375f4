"""Received bytes are kept through later server errors, until they are certainly useless."""

from pathlib import Path
from typing import Any

import pytest

from backend.downloads.engine import part_file
from tests.backend.conftest import hub_settings
from tests.backend.downloads.resuming import beginnings_asked, bytes_asked, paused_after
from tests.support.control_plane import ControlPlane, running_control_plane
from tests.support.hub import Hub, faults
from tests.support.hub.catalogue import HubFile
from tests.support.hub.formats import gguf, safetensors

# One metadata request and one connection, so that every requested byte is counted once.
SIZE = 3_000_000
HALF = 1_500_000
NOWHERE = "http://127.0.0.1:9/flower.safetensors"


@pytest.fixture
def model(hub: Hub) -> HubFile:
    return hub.add("acme/models", "flower.safetensors", safetensors(SIZE))


async def resumed(pod: ControlPlane, transfer: dict[str, Any]) -> dict[str, Any]:
    await pod.client.post(f"/api/downloads/{transfer['id']}/resume")
    return await pod.finished(transfer["id"])


async def test_dead_addresses_lose_no_bytes(pod: ControlPlane, hub: Hub, model: HubFile) -> None:
    paused = await paused_after(HALF, pod, hub, model, sha256=model.sha256, alternatives=[NOWHERE])
    hub.fault(model, faults.Status(code=404, times=None))
    assert (await resumed(pod, paused))["state"] == "failed"
    hub.clear_faults()
    hub.forget_requests()
    assert (await resumed(pod, paused))["verification"] == "verified"
    assert bytes_asked(hub) == SIZE - paused["received"]


async def test_an_alternative_resumes_where_the_first_address_stopped(
    pod: ControlPlane, hub: Hub, model: HubFile
) -> None:
    mirror = hub.add_plain("mirror.safetensors", safetensors(SIZE))
    paused = await paused_after(HALF, pod, hub, model, alternatives=[hub.url_of(mirror)])
    hub.fault(model, faults.Status(code=404, on="resolve", times=None))
    hub.forget_requests()
    # Only the hub published a hash, before it lost the file.
    assert (await resumed(pod, paused))["verification"] == "verified"
    assert bytes_asked(hub, "hub") == SIZE - paused["received"]


async def test_an_alternative_with_another_file_changes_nothing(
    pod: ControlPlane, hub: Hub, model: HubFile
) -> None:
    other = hub.add_plain("other.safetensors", safetensors(SIZE + 1000))
    paused = await paused_after(HALF, pod, hub, model, alternatives=[hub.url_of(other)])
    hub.fault(model, faults.Status(code=404, times=None))
    failed = await resumed(pod, paused)
    assert (failed["state"], failed["problem"]["code"]) == ("failed", "different_file")
    hub.clear_faults()
    hub.forget_requests()
    assert (await resumed(pod, paused))["verification"] == "verified"
    assert bytes_asked(hub) == SIZE - paused["received"]


REFUSALS = [
    faults.LoginPage(),
    faults.Status(code=404),
    faults.Redirect(to="file:///etc/passwd", on="content"),
]


async def test_a_rejected_response_does_not_discard_received_bytes(
    pod: ControlPlane, hub: Hub, model: HubFile
) -> None:
    paused = await paused_after(HALF, pod, hub, model)
    for refusal in REFUSALS:
        hub.fault(model, refusal)
        # Not even when the hub sends another ETag once.
        hub.fault(model, faults.ChangedETag(on="resolve"))
        assert (await resumed(pod, paused))["state"] == "failed"
    hub.forget_requests()
    assert (await resumed(pod, paused))["verification"] == "verified"
    assert bytes_asked(hub) == SIZE - paused["received"]


ODD_RESPONSES = [faults.ChangedETag(), faults.Status(code=416), faults.IgnoreRange()]


async def test_one_odd_response_does_not_discard_bytes_with_a_known_hash(pod: ControlPlane, hub: Hub) -> None:
    for number, odd in enumerate(ODD_RESPONSES):
        model = hub.add("acme/models", f"{number}.safetensors", safetensors(SIZE, seed=number))
        paused = await paused_after(HALF, pod, hub, model)
        hub.fault(model, odd)
        hub.forget_requests()
        done = await resumed(pod, paused)
        assert (done["verification"], done["failures"]) == ("verified", 0)
        assert min(beginnings_asked(hub)) == paused["received"], odd


async def test_one_odd_response_fails_only_its_connection(pod: ControlPlane, hub: Hub) -> None:
    for number, odd in enumerate(ODD_RESPONSES):
        large = hub.add_plain(f"{number}.gguf", gguf(20_000_000, seed=number))
        seen = hub.fault(large, type(odd)(**{**vars(odd), "times": 1, "at_least": 2_000_000}))
        hub.forget_requests()
        transfer = await pod.download(url=hub.url_of(large), folder="unet")
        done = await pod.finished(transfer["id"])
        assert (done["state"], done["failures"], seen.times) == ("done", 0, 0)
        assert beginnings_asked(hub, "hub").count(0) == 1, odd


async def test_a_server_that_repeats_another_size_is_believed(pod: ControlPlane, hub: Hub) -> None:
    first = hub.add_plain("rose.safetensors", safetensors(SIZE))
    second = safetensors(SIZE + 1000)
    paused = await paused_after(HALF, pod, hub, first, sha256=second.sha256)
    hub.add_plain("rose.safetensors", second)
    assert (await resumed(pod, paused))["verification"] == "verified"


async def test_a_body_without_length_is_complete_when_it_ends(
    pod: ControlPlane, hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its size is recorded at its end, possibly while the resume state is being written."""
    monkeypatch.setattr(part_file, "SAVE_SECONDS", 0)
    for number in range(4):
        model = hub.add_plain(f"{number}.gguf", gguf(4_000_000, seed=number))
        hub.fault(model, faults.Status(code=416, times=2))
        hub.fault(model, faults.NoLength())
        transfer = await pod.download(url=hub.url_of(model), folder="unet")
        assert (await pod.finished(transfer["id"]))["state"] == "done"


async def test_a_file_that_was_complete_at_a_power_cut_is_installed(workspace: Path, hub: Hub) -> None:
    """Its size is unknown; the expected hash identifies it."""
    poppy = hub.add_plain("poppy.safetensors", safetensors(SIZE))
    async with running_control_plane(workspace, **hub_settings(hub)) as pod:
        gate = hub.hold(poppy, after=HALF)
        transfer = await pod.download(url=hub.url_of(poppy), folder="loras", sha256=poppy.sha256)
        await pod.until(transfer["id"], lambda seen: seen["received"] == HALF)
        folder = pod.models / "loras"
    gate.release()
    (folder / "poppy.safetensors").write_bytes(poppy.content.read(0, SIZE))
    (folder / "poppy.safetensors.part").unlink()
    async with running_control_plane(workspace, **hub_settings(hub)) as pod:
        assert (await pod.finished(transfer["id"]))["verification"] == "verified"
        assert pod.leftovers() == []
