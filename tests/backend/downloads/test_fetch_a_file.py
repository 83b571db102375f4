"""A user downloads one file, with every kind of failure."""

import asyncio
import hashlib
from pathlib import Path
from typing import Any

import pytest

from tests.backend.conftest import hub_settings
from tests.backend.downloads.resuming import bytes_asked, paused_after
from tests.support.control_plane import ControlPlane, running_control_plane
from tests.support.hub import Hub, faults
from tests.support.hub.catalogue import HubFile
from tests.support.hub.formats import gguf, safetensors

SIZE = 3_000_000


@pytest.fixture
def model(hub: Hub) -> HubFile:
    return hub.add("acme/models", "flower.safetensors", safetensors(SIZE))


async def fetch(pod: ControlPlane, hub: Hub, file: Any, **wanted: Any) -> dict[str, Any]:
    """Request the file and wait until its transfer ends."""
    transfer = await pod.download(url=hub.url_of(file), folder="checkpoints", **wanted)
    return await pod.finished(transfer["id"])


def installed(pod: ControlPlane, name: str = "flower.safetensors") -> Path:
    return pod.models / "checkpoints" / name


async def test_a_file_is_installed_and_verified(pod: ControlPlane, hub: Hub, model: HubFile) -> None:
    transfer = await fetch(pod, hub, model)
    content = installed(pod).read_bytes()
    assert (transfer["state"], transfer["verification"], transfer["received"]) == ("done", "verified", SIZE)
    assert hashlib.sha256(content).hexdigest() == model.content.sha256 == transfer["sha256"]
    assert pod.leftovers() == []


async def test_the_token_is_sent_to_the_hub_only(pod: ControlPlane, hub: Hub, model: HubFile) -> None:
    await fetch(pod, hub, model)
    assert all(seen.headers["Authorization"] == "Bearer hf_secret_token" for seen in hub.requests_to("hub"))
    assert hub.requests_to("cdn")
    assert not any("Authorization" in seen.headers for seen in hub.requests_to("cdn"))


async def test_a_link_copied_from_the_file_page_works(pod: ControlPlane, hub: Hub, model: HubFile) -> None:
    link = hub.url_of(model).replace("/resolve/", "/blob/")
    transfer = await pod.download(url=link, folder="checkpoints")
    assert (await pod.finished(transfer["id"]))["state"] == "done"


async def test_a_small_file_is_verified_by_its_git_hash(pod: ControlPlane, hub: Hub) -> None:
    config = hub.add("acme/models", "config.json", b'{"width": 64}', lfs=False)
    transfer = await fetch(pod, hub, config)
    assert transfer["verification"] == "verified"


async def test_a_file_of_a_plain_server_is_unverified(pod: ControlPlane, hub: Hub) -> None:
    transfer = await fetch(pod, hub, hub.add_plain("rose.gguf", gguf(100_000)))
    assert (transfer["state"], transfer["verification"]) == ("done", "unverified")


async def test_a_hash_given_by_the_user_is_checked(pod: ControlPlane, hub: Hub) -> None:
    transfer = await fetch(pod, hub, hub.add_plain("rose.gguf", gguf(100_000)), sha256="0" * 64)
    assert (transfer["state"], transfer["problem"]["code"]) == ("quarantined", "hash_mismatch")
    assert not installed(pod, "rose.gguf").exists()


async def test_a_civitai_model_gets_the_name_that_civitai_gives_it(pod: ControlPlane, hub: Hub) -> None:
    version = hub.add_civitai(4711, "poppy.safetensors", safetensors(200_000))
    transfer = await fetch(pod, hub, version)
    assert (transfer["state"], transfer["filename"]) == ("done", "poppy.safetensors")


async def test_requesting_twice_returns_the_same_transfer(
    pod: ControlPlane, hub: Hub, model: HubFile
) -> None:
    first = await pod.download(url=hub.url_of(model), folder="checkpoints")
    again = await pod.download(url=hub.url_of(model), folder="checkpoints")
    assert again["id"] == first["id"]
    await pod.finished(first["id"])


async def test_another_file_with_the_same_destination_is_rejected(
    pod: ControlPlane, hub: Hub, model: HubFile
) -> None:
    await fetch(pod, hub, model)
    other = hub.add("other/models", "flower.safetensors", safetensors(1000))
    answer = await pod.client.post("/api/downloads", json={"url": hub.url_of(other), "folder": "checkpoints"})
    assert answer.status_code == 409
    assert "Choose another name" in answer.json()["error"]["message"]


TRANSIENT_FAULTS = [
    faults.Cut(after=1_000_000),
    faults.Reset(after=500_000),
    faults.Reset(after=0),
    faults.Short(length=1000),
    faults.WrongLength(extra=5000),
    faults.Status(code=503),
    faults.Status(code=500, on="resolve"),
    faults.ExpiredLink(),
    faults.RateLimited(seconds=0),
    faults.Gzip(),
]


@pytest.mark.parametrize("fault", TRANSIENT_FAULTS, ids=lambda fault: f"{fault.kind}-{fault.on}")
async def test_a_transient_fault_is_retried(
    pod: ControlPlane, hub: Hub, model: HubFile, fault: faults.Fault
) -> None:
    hub.fault(model, fault)
    transfer = await fetch(pod, hub, model)
    assert (transfer["state"], transfer["verification"]) == ("done", "verified")
    assert hashlib.sha256(installed(pod).read_bytes()).hexdigest() == model.content.sha256
    assert pod.leftovers() == []


async def test_a_cut_download_resumes(pod: ControlPlane, hub: Hub) -> None:
    large = hub.add("acme/models", "large.safetensors", safetensors(40_000_000))
    every_connection = hub.fault(large, faults.Cut(after=4_000_000, at_least=5_000_000, times=5))
    assert (await fetch(pod, hub, large))["verification"] == "verified"
    assert every_connection.times == 0
    # Bytes buffered by the transport when a connection broke are sent again; written ones are not.
    assert bytes_asked(hub) < 65_000_000


async def test_other_connections_take_over_from_one_that_broke(pod: ControlPlane, hub: Hub) -> None:
    large = hub.add("acme/models", "large.safetensors", safetensors(40_000_000))
    broken = hub.fault(large, faults.Cut(after=4_000_000, at_least=5_000_000, times=2))
    transfer = await pod.download(url=hub.url_of(large), folder="checkpoints")
    assert (await pod.finished(transfer["id"]))["failures"] == 0
    assert broken.times == 0
    assert bytes_asked(hub) < 55_000_000


async def test_a_server_that_ignores_the_range_does_not_corrupt_the_file(
    pod: ControlPlane, hub: Hub, model: HubFile
) -> None:
    hub.fault(model, faults.Cut(after=1_000_000))
    hub.fault(model, faults.IgnoreRange())
    transfer = await fetch(pod, hub, model)
    assert transfer["verification"] == "verified"


async def test_a_wrong_content_range_is_rejected(pod: ControlPlane, hub: Hub, model: HubFile) -> None:
    hub.fault(model, faults.Cut(after=1_000_000))
    hub.fault(model, faults.LyingContentRange(shift=7))
    transfer = await fetch(pod, hub, model)
    assert transfer["verification"] == "verified"


PERMANENT_FAULTS = [
    (faults.LoginPage(times=None), "not_a_model"),
    (faults.Status(code=404, on="resolve", times=None), "not_at_source"),
    (faults.Status(code=401, on="resolve", times=None), "token_needed"),
    (faults.RedirectLoop(), "redirect_loop"),
    (faults.Redirect(to="http://169.254.169.254/latest/meta-data/", on="content"), "private_address"),
    (faults.Redirect(to="file:///etc/passwd", on="content"), "bad_redirect"),
]


@pytest.mark.parametrize(("fault", "code"), PERMANENT_FAULTS, ids=lambda value: getattr(value, "kind", value))
async def test_a_permanent_fault_is_explained_and_installs_nothing(
    pod: ControlPlane, hub: Hub, model: HubFile, fault: faults.Fault, code: str
) -> None:
    hub.fault(model, fault)
    transfer = await fetch(pod, hub, model)
    assert (transfer["state"], transfer["problem"]["code"]) == ("failed", code)
    assert len(transfer["problem"]["message"]) > 20
    assert not installed(pod).exists()
    assert pod.leftovers() == []


async def test_wrong_content_is_quarantined_and_a_retry_replaces_it(
    pod: ControlPlane, hub: Hub, model: HubFile
) -> None:
    hub.fault(model, faults.WrongContent(times=1, at=2_000_000, at_least=1_500_000))
    transfer = await fetch(pod, hub, model)
    assert (transfer["state"], transfer["verification"]) == ("quarantined", "mismatch")
    assert not installed(pod).exists()
    assert pod.leftovers() == ["flower.safetensors.mismatch.part"]
    await pod.client.post(f"/api/downloads/{transfer['id']}/retry")
    assert (await pod.finished(transfer["id"]))["verification"] == "verified"
    assert pod.leftovers() == []


async def test_a_gated_file_names_the_page_where_its_licence_is_accepted(pod: ControlPlane, hub: Hub) -> None:
    gated = hub.add("acme/secret", "rare.safetensors", safetensors(1000))
    hub.repository("acme/secret").gated = True
    transfer = await fetch(pod, hub, gated)
    assert transfer["problem"]["code"] == "gated"
    assert "https://huggingface.co/acme/secret" in transfer["problem"]["message"]


async def test_an_unreachable_hub_is_retried_and_then_reported(
    pod: ControlPlane, hub: Hub, model: HubFile
) -> None:
    with hub.unreachable():
        transfer = await fetch(pod, hub, model)
    assert (transfer["state"], transfer["problem"]["code"]) == ("failed", "connection_lost")
    assert transfer["failures"] == 3
    await pod.client.post(f"/api/downloads/{transfer['id']}/retry")
    assert (await pod.finished(transfer["id"]))["state"] == "done"


async def test_a_stalled_download_is_retried(workspace: Path, hub: Hub, model: HubFile) -> None:
    stall = hub.fault(model, faults.Stall(after=1_000_000))
    async with running_control_plane(workspace, **hub_settings(hub), download_stall_seconds=0.2) as pod:
        transfer = await fetch(pod, hub, model)
    stall.release()
    assert transfer["verification"] == "verified"


async def test_cancelling_leaves_nothing(pod: ControlPlane, hub: Hub, model: HubFile) -> None:
    gate = hub.hold(model, after=2_000_000)
    transfer = await pod.download(url=hub.url_of(model), folder="checkpoints")
    await pod.until(transfer["id"], lambda seen: seen["received"] >= 1_000_000)
    answer = await pod.client.post(f"/api/downloads/{transfer['id']}/cancel")
    assert answer.json()["state"] == "cancelled"
    again = await pod.client.post(f"/api/downloads/{transfer['id']}/cancel")
    assert again.json()["state"] == "cancelled"
    gate.release()
    replacement = await pod.download(
        url=hub.url_of(model), folder="checkpoints", filename="other.safetensors"
    )
    await pod.finished(replacement["id"])
    assert not installed(pod).exists()
    assert pod.leftovers() == []


async def test_a_paused_download_resumes(pod: ControlPlane, hub: Hub, model: HubFile) -> None:
    paused = await paused_after(2_000_000, pod, hub, model)
    hub.forget_requests()
    await pod.client.post(f"/api/downloads/{paused['id']}/resume")
    assert (await pod.finished(paused["id"]))["verification"] == "verified"
    assert bytes_asked(hub) == SIZE - 2_000_000


async def test_a_download_resumes_after_a_restart(workspace: Path, hub: Hub, model: HubFile) -> None:
    gate = hub.hold(model, after=2_000_000)
    async with running_control_plane(workspace, **hub_settings(hub)) as pod:
        transfer = await pod.download(url=hub.url_of(model), folder="checkpoints")
        await pod.until(transfer["id"], lambda seen: seen["received"] == 2_000_000)
    gate.release()
    hub.forget_requests()
    async with running_control_plane(workspace, **hub_settings(hub)) as pod:
        assert (await pod.finished(transfer["id"]))["verification"] == "verified"
    assert bytes_asked(hub) == SIZE - 2_000_000


async def first_shown(pod: ControlPlane) -> dict[str, Any]:
    """Return the first transfer that the socket reports."""
    async with asyncio.timeout(60), pod.socket("/ws/downloads") as frames:
        async for _ in frames:
            transfers: list[dict[str, Any]] = (await pod.client.get("/api/downloads")).json()
            if transfers:
                return transfers[0]
    raise AssertionError("the socket was closed before anything was shown")


async def test_a_new_pod_on_the_same_volume_finds_the_unfinished_file(
    workspace: Path, tmp_path: Path, hub: Hub, model: HubFile
) -> None:
    gate = hub.hold(model, after=2_000_000)
    async with running_control_plane(workspace, **hub_settings(hub), state_dir=tmp_path / "old") as pod:
        transfer = await pod.download(url=hub.url_of(model), folder="checkpoints")
        await pod.until(transfer["id"], lambda seen: seen["received"] == 2_000_000)
    gate.release()
    hub.forget_requests()
    async with running_control_plane(workspace, **hub_settings(hub), state_dir=tmp_path / "new") as pod:
        found = await first_shown(pod)
        assert (found["state"], found["problem"]["code"]) == ("paused", "found")
        await pod.client.post(f"/api/downloads/{found['id']}/resume")
        assert (await pod.finished(found["id"]))["verification"] == "verified"
    assert bytes_asked(hub) == SIZE - 2_000_000


async def test_four_files_at_once_and_the_fifth_waits(pod: ControlPlane, hub: Hub) -> None:
    files = [
        hub.add("acme/five", f"{number}.safetensors", safetensors(100_000, seed=number))
        for number in range(5)
    ]
    gates = [hub.hold(file, after=1000) for file in files]
    transfers = [await pod.download(url=hub.url_of(file), folder="loras") for file in files]
    for gate in gates[:4]:
        gate.wait_until_reached()
    states = [transfer["state"] for transfer in (await pod.client.get("/api/downloads")).json()]
    assert states == ["running"] * 4 + ["queued"]
    for gate in gates:
        gate.release()
    assert [(await pod.finished(transfer["id"]))["state"] for transfer in transfers] == ["done"] * 5


async def test_an_alternative_is_used_when_the_first_address_has_no_file(
    workspace: Path, tmp_path: Path, hub: Hub, model: HubFile
) -> None:
    gone = hub.url_of(model).replace("acme/models", "acme/removed")
    presets = tmp_path / "presets"
    presets.mkdir()
    (presets / "two-addresses.yaml").write_text(
        f"""
id: two-addresses
title: Two addresses
category: Test
files:
  - folder: vae
    filename: v.safetensors
    url: {gone}
    sha256: {model.content.sha256}
    alternatives: [{hub.url_of(model)}]
"""
    )
    async with running_control_plane(workspace, **hub_settings(hub), presets_dir=presets) as pod:
        (transfer,) = (await pod.client.post("/api/presets/two-addresses/download")).json()
        assert (await pod.finished(transfer["id"]))["verification"] == "verified"


async def test_cancelling_can_be_undone_for_a_while(pod: ControlPlane, hub: Hub, model: HubFile) -> None:
    gate = hub.hold(model, after=2_000_000)
    transfer = await pod.download(url=hub.url_of(model), folder="checkpoints")
    await pod.until(transfer["id"], lambda seen: seen["received"] >= 1_000_000)
    address = f"/api/downloads/{transfer['id']}"
    cancelled = await pod.client.post(f"{address}/cancel", params={"keep_seconds": 300})
    assert cancelled.json()["state"] == "cancelled"
    assert pod.leftovers() != []
    gate.release()
    hub.forget_requests()
    undone = await pod.client.post(f"{address}/undo-cancel")
    assert (undone.json()["state"], undone.json()["received"] >= 1_000_000) == ("queued", True)
    assert (await pod.finished(transfer["id"]))["verification"] == "verified"
    again = await pod.client.post(f"{address}/undo-cancel")
    assert (again.status_code, again.json()["error"]["code"]) == (409, "too_late")


async def test_a_cancelled_download_is_deleted_when_it_is_too_late_to_undo(
    pod: ControlPlane, hub: Hub, model: HubFile
) -> None:
    gate = hub.hold(model, after=2_000_000)
    transfer = await pod.download(url=hub.url_of(model), folder="checkpoints")
    await pod.until(transfer["id"], lambda seen: seen["received"] >= 1_000_000)
    await pod.client.post(f"/api/downloads/{transfer['id']}/cancel", params={"keep_seconds": 0.1})
    gate.release()
    await pod.until(transfer["id"], lambda seen: seen["received"] == 0)
    assert pod.leftovers() == []


async def test_bytes_of_a_cancelled_download_do_not_outlive_the_control_plane(
    workspace: Path, hub: Hub, model: HubFile
) -> None:
    gate = hub.hold(model, after=2_000_000)
    async with running_control_plane(workspace, **hub_settings(hub)) as pod:
        transfer = await pod.download(url=hub.url_of(model), folder="checkpoints")
        await pod.until(transfer["id"], lambda seen: seen["received"] >= 1_000_000)
        await pod.client.post(f"/api/downloads/{transfer['id']}/cancel", params={"keep_seconds": 300})
    gate.release()
    async with running_control_plane(workspace, **hub_settings(hub)) as pod:
        await pod.until(transfer["id"], lambda seen: seen["received"] == 0)
        assert pod.leftovers() == []
