"""A destination has one transfer until its file is installed, however often it is requested and stopped."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from backend.downloads.deduplication import Deduplication
from tests.backend.conftest import hub_settings
from tests.support.control_plane import ControlPlane, running_control_plane
from tests.support.hub import Hub, faults
from tests.support.hub.catalogue import HubFile
from tests.support.hub.formats import safetensors

SIZE = 3_000_000


@pytest.fixture
def model(hub: Hub) -> HubFile:
    return hub.add("acme/models", "ant.safetensors", safetensors(SIZE))


async def ask(pod: ControlPlane, hub: Hub, file: Any, **wanted: Any) -> dict[str, Any]:
    return await pod.download(url=hub.url_of(file), folder="loras", **wanted)


async def act(pod: ControlPlane, transfer: dict[str, Any], action: str) -> dict[str, Any]:
    answer = await pod.client.post(f"/api/downloads/{transfer['id']}/{action}")
    assert answer.is_success, answer.text
    body: dict[str, Any] = answer.json()
    return body


async def all_of(pod: ControlPlane) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = (await pod.client.get("/api/downloads")).json()
    return rows


async def test_requesting_a_stopped_file_again_resumes_its_transfer(
    pod: ControlPlane, hub: Hub, model: HubFile
) -> None:
    hub.fault(model, faults.Status(code=404, on="resolve"))
    failed = await ask(pod, hub, model)
    assert (await pod.finished(failed["id"]))["state"] == "failed"
    gate = hub.hold(model, after=1_000_000)
    again = await ask(pod, hub, model)
    assert (again["id"], again["problem"]) == (failed["id"], None)
    await pod.until(again["id"], lambda seen: seen["received"] > 0)
    await act(pod, again, "cancel")
    gate.release()
    await ask(pod, hub, model)
    assert (await pod.finished(failed["id"]))["verification"] == "verified"
    assert [row["id"] for row in await all_of(pod)] == [failed["id"]]
    assert pod.leftovers() == []


async def test_other_content_replaces_a_failed_transfer(pod: ControlPlane, hub: Hub, model: HubFile) -> None:
    other = hub.add("acme/models", "bee.safetensors", safetensors(SIZE, seed=2))
    gate = hub.hold(model, after=2_000_000)
    failed = await ask(pod, hub, model)
    await pod.until(failed["id"], lambda seen: seen["received"] >= 1_000_000)
    await act(pod, failed, "pause")
    gate.release()
    hub.fault(model, faults.Status(code=404, on="resolve"))
    await act(pod, failed, "resume")
    stopped = await pod.finished(failed["id"])
    assert (stopped["state"], stopped["received"] > 0) == ("failed", True)
    replaced = await ask(pod, hub, other, filename="ant.safetensors")
    assert (replaced["id"], replaced["received"]) == (failed["id"], 0)
    done = await pod.finished(failed["id"])
    assert (done["url"], done["verification"]) == (hub.url_of(other), "verified")
    assert pod.leftovers() == []


async def test_a_quarantined_file_waits_for_a_decision_when_requested_again(
    pod: ControlPlane, hub: Hub, model: HubFile
) -> None:
    mirror = hub.add_plain("ant.safetensors", safetensors(SIZE))
    hub.fault(model, faults.WrongContent(times=None))
    transfer = await ask(pod, hub, model)
    await pod.finished(transfer["id"])
    kept = pod.leftovers()
    assert (await ask(pod, hub, model))["state"] == "quarantined"
    assert pod.leftovers() == kept == ["ant.safetensors.mismatch.part"]
    elsewhere = await ask(pod, hub, mirror, sha256=model.content.sha256)
    assert elsewhere["id"] == transfer["id"]
    assert (await pod.finished(transfer["id"]))["verification"] == "verified"
    assert pod.leftovers() == []


async def test_ten_concurrent_requests_get_the_same_transfer(
    pod: ControlPlane, hub: Hub, model: HubFile
) -> None:
    hub.fault(model, faults.Status(code=404, on="resolve"))
    failed = await ask(pod, hub, model)
    await pod.finished(failed["id"])
    answers = await asyncio.gather(*(ask(pod, hub, model) for _ in range(10)))
    assert {answer["id"] for answer in answers} == {failed["id"]}
    assert (await pod.finished(failed["id"]))["state"] == "done"


async def test_concurrent_actions_do_not_block_a_destination(
    workspace: Path, hub: Hub, model: HubFile
) -> None:
    """Pause, resume, cancel and request again as fast as possible: the last request wins."""
    async with running_control_plane(workspace, **hub_settings(hub), download_workers=1) as pod:
        transfer = await ask(pod, hub, model)
        for _ in range(10):
            for action in ("pause", "resume", "cancel"):
                await pod.client.post(f"/api/downloads/{transfer['id']}/{action}")
            assert (await ask(pod, hub, model))["id"] == transfer["id"]
        assert (await pod.finished(transfer["id"]))["verification"] == "verified"
        other = await ask(pod, hub, hub.add("acme/models", "last.safetensors", safetensors(1000, seed=9)))
        assert (await pod.finished(other["id"]))["state"] == "done"
        assert pod.leftovers() == []


@pytest.mark.parametrize(
    ("action", "state", "there"), [("pause", "done", True), ("cancel", "cancelled", False)]
)
async def test_an_action_after_the_file_is_installed_has_no_effect(
    workspace: Path,
    hub: Hub,
    model: HubFile,
    monkeypatch: pytest.MonkeyPatch,
    action: str,
    state: str,
    there: bool,
) -> None:
    named = blocked_after(monkeypatch, Deduplication, "record")
    async with running_control_plane(workspace, **hub_settings(hub)) as pod:
        transfer = await ask(pod, hub, model)
        await named.wait()
        await act(pod, transfer, action)
        ended = await pod.until(transfer["id"], lambda seen: seen["state"] == state)
        assert (ended["state"], (pod.models / "loras/ant.safetensors").exists()) == (state, there)
        assert pod.leftovers() == []


def blocked_after(monkeypatch: pytest.MonkeyPatch, owner: type, name: str) -> asyncio.Event:
    """Block every return from a method. The returned event is set when a call has ended."""
    reached = asyncio.Event()
    method: Callable[..., Awaitable[None]] = getattr(owner, name)

    async def blocked(*args: Any) -> None:
        await method(*args)
        reached.set()
        await asyncio.Event().wait()

    monkeypatch.setattr(owner, name, blocked)
    return reached
