"""A user controls the queue: order, actions on all transfers, rate limits, history."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from tests.backend.conftest import hub_settings
from tests.support.comfyui.process import running_comfyui
from tests.support.control_plane import ControlPlane, running_control_plane
from tests.support.hub import Hub, faults
from tests.support.hub.catalogue import HubFile
from tests.support.hub.formats import safetensors

SIZE = 200_000


@pytest.fixture
def models(hub: Hub) -> list[HubFile]:
    return [
        hub.add("acme/models", f"{name}.safetensors", safetensors(SIZE, seed=number))
        for number, name in enumerate(["ant", "bee", "cat"])
    ]


async def ask(pod: ControlPlane, hub: Hub, file: Any, **wanted: Any) -> str:
    transfer = await pod.download(url=hub.url_of(file), folder="loras", **wanted)
    return str(transfer["id"])


async def shown(pod: ControlPlane, **filters: Any) -> list[dict[str, Any]]:
    answer = await pod.client.get("/api/downloads", params=filters)
    rows: list[dict[str, Any]] = answer.json()
    return rows


async def names(pod: ControlPlane, **filters: Any) -> list[str]:
    return [row["filename"].removesuffix(".safetensors") for row in await shown(pod, **filters)]


async def post(pod: ControlPlane, path: str, **body: Any) -> Any:
    answer = await pod.client.post(f"/api/downloads{path}", json=body or None)
    assert answer.is_success, answer.text
    return answer.json() if answer.content else None


async def messages(pod: ControlPlane, transfer_id: str) -> list[str]:
    answer = await pod.client.get(f"/api/downloads/{transfer_id}/log")
    return [line["message"] for line in answer.json()]


async def test_a_file_put_first_is_downloaded_next(workspace: Path, hub: Hub, models: list[HubFile]) -> None:
    async with running_control_plane(workspace, **hub_settings(hub), download_workers=1) as pod:
        gate = hub.hold(models[0])
        ids = [await ask(pod, hub, model) for model in models]
        await asyncio.to_thread(gate.wait_until_reached)
        await post(pod, "/order", ids=[ids[2]])
        assert await names(pod) == ["cat", "ant", "bee"]
        gate.release()
        for transfer_id in ids:
            await pod.finished(transfer_id)
        rows = sorted(await shown(pod), key=lambda row: str(row["started_at"]))
        assert [row["id"] for row in rows] == [ids[0], ids[2], ids[1]]


async def test_an_order_with_an_unknown_id_is_rejected(pod: ControlPlane) -> None:
    answer = await pod.client.post("/api/downloads/order", json={"ids": ["unknown"]})
    assert answer.status_code == 404


async def test_all_transfers_are_paused_and_resumed(
    pod: ControlPlane, hub: Hub, models: list[HubFile]
) -> None:
    gates = [hub.hold(model) for model in models]
    ids = [await ask(pod, hub, model) for model in models]
    await post(pod, "/pause")
    assert {row["state"] for row in await shown(pod)} == {"paused"}
    for gate in gates:
        gate.release()
    await post(pod, "/resume")
    assert {(await pod.finished(transfer_id))["state"] for transfer_id in ids} == {"done"}


async def test_only_failed_transfers_are_retried(pod: ControlPlane, hub: Hub, models: list[HubFile]) -> None:
    hub.fault(models[0], faults.Status(code=404, on="resolve"))
    failed, fine, cancelled = [await ask(pod, hub, model) for model in models]
    await pod.finished(failed)
    await pod.finished(fine)
    await pod.finished(cancelled)
    before = len(hub.requests)
    (again,) = await post(pod, "/retry")
    assert again["id"] == failed
    assert (await pod.finished(failed))["state"] == "done"
    assert all("ant" in seen.path for seen in hub.requests[before:])


async def test_the_history_is_filtered_and_cleared_and_the_files_stay(
    pod: ControlPlane, hub: Hub, models: list[HubFile]
) -> None:
    hub.fault(models[0], faults.Status(code=404, on="resolve"))
    for model in models:
        await pod.finished(await ask(pod, hub, model))
    assert await names(pod, state=["failed"]) == ["ant"]
    assert await names(pod, state=["failed", "done"], q="loras/c") == ["cat"]
    assert await names(pod, preset="flux") == []
    await post(pod, "/clear")
    assert await names(pod) == ["ant"]
    assert sorted(path.stem for path in (pod.models / "loras").iterdir()) == ["bee", "cat"]


async def test_the_log_shows_what_happened(pod: ControlPlane, hub: Hub) -> None:
    large = hub.add("acme/models", "large.safetensors", safetensors(5_000_000))
    hub.fault(large, faults.Cut(after=1_000_000, at_least=2_000_000))
    transfer_id = await ask(pod, hub, large)
    await pod.finished(transfer_id)
    told = await messages(pod, transfer_id)
    expected = ["Requested from", "Started", "The connection", "Resumed at", "Done"]
    assert [line[: len(start)] for line, start in zip(told, expected, strict=True)] == expected
    assert "Signature" not in " ".join(told)


async def test_wrong_content_can_be_accepted(pod: ControlPlane, hub: Hub, models: list[HubFile]) -> None:
    hub.fault(models[0], faults.WrongContent(times=1))
    transfer_id = await ask(pod, hub, models[0])
    assert (await pod.finished(transfer_id))["state"] == "quarantined"
    accepted = await post(pod, f"/{transfer_id}/accept")
    assert (accepted["state"], accepted["verification"]) == ("done", "mismatch")
    assert (pod.models / "loras/ant.safetensors").stat().st_size == SIZE
    assert pod.leftovers() == []
    answer = await pod.client.post(f"/api/downloads/{transfer_id}/accept")
    assert answer.status_code == 409


async def test_quarantined_content_never_replaces_another_file(
    pod: ControlPlane, hub: Hub, models: list[HubFile]
) -> None:
    hub.fault(models[0], faults.WrongContent(times=1))
    transfer_id = await ask(pod, hub, models[0])
    await pod.finished(transfer_id)
    mine = pod.models / "loras/ant.safetensors"
    mine.write_bytes(b"mine")
    answer = await pod.client.post(f"/api/downloads/{transfer_id}/accept")
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "file_exists")
    assert mine.read_bytes() == b"mine"


async def test_a_format_that_can_run_code_needs_consent(pod: ControlPlane, hub: Hub) -> None:
    pickle = hub.add("acme/models", "old.ckpt", b"\x80\x02}q\x00.")
    wanted = {"url": hub.url_of(pickle), "folder": "checkpoints"}
    answer = await pod.client.post("/api/downloads", json=wanted)
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "pickle_unconfirmed")
    assert await shown(pod) == []
    transfer = await pod.download(**wanted, allow_pickle=True)
    assert (await pod.finished(transfer["id"]))["state"] == "done"


async def test_the_same_content_under_two_names_is_downloaded_once(
    pod: ControlPlane, hub: Hub, models: list[HubFile]
) -> None:
    gate = hub.hold(models[0], after=100_000)
    first = await ask(pod, hub, models[0])
    await asyncio.to_thread(gate.wait_until_reached)
    second = await ask(pod, hub, models[0], filename="again.safetensors")
    gate.release()
    assert (await pod.finished(first))["verification"] == "verified"
    assert (await pod.finished(second))["verification"] == "verified"
    assert len(hub.requests_to("cdn")) == 1
    files = [pod.models / "loras" / name for name in ("ant.safetensors", "again.safetensors")]
    assert files[0].samefile(files[1])
    assert pod.leftovers() == []


async def test_a_policy_applies_at_once_and_after_a_restart(
    workspace: Path, hub: Hub, models: list[HubFile]
) -> None:
    async with running_control_plane(workspace, **hub_settings(hub)) as pod:
        policy = (await pod.client.get("/api/downloads/policy")).json()
        assert (policy["files_at_once"], policy["limit"]) == (4, None)
        gates = [hub.hold(model) for model in models]
        wanted = policy | {
            "files_at_once": 1,
            "schedule": [{"start": "23:00", "end": "07:00", "limit": 5_000_000}],
        }
        assert (await pod.client.put("/api/downloads/policy", json=wanted)).status_code == 200
        for model in models:
            await ask(pod, hub, model)
        await asyncio.to_thread(gates[0].wait_until_reached)
        assert [row["state"] for row in await shown(pod)] == ["running", "queued", "queued"]
        for gate in gates:
            gate.release()
    async with running_control_plane(workspace, **hub_settings(hub)) as pod:
        policy = (await pod.client.get("/api/downloads/policy")).json()
        assert (policy["files_at_once"], len(policy["schedule"])) == (1, 1)


async def test_done_means_that_comfyui_offers_the_file(
    workspace: Path, hub: Hub, models: list[HubFile]
) -> None:
    (workspace / "ComfyUI/models/loras").mkdir(parents=True)
    with running_comfyui(workspace / "ComfyUI") as comfyui:
        async with running_control_plane(workspace, **hub_settings(hub), comfyui_url=comfyui) as pod:
            transfer_id = await ask(pod, hub, models[0])
            seen = await pod.until(transfer_id, lambda transfer: transfer["seen_by_comfyui"] is not None)
            assert (seen["state"], seen["seen_by_comfyui"]) == ("done", True)
            hub.fault(models[1], faults.WrongContent(times=None))
            kept = await ask(pod, hub, models[1])
            await pod.finished(kept)
            await post(pod, f"/{kept}/accept")
            seen = await pod.until(kept, lambda transfer: transfer["seen_by_comfyui"] is not None)
            assert (seen["verification"], seen["seen_by_comfyui"]) == ("mismatch", True)


@pytest.mark.parametrize(
    "change",
    [
        {"limit": 10},
        {"files_at_once": 0},
        {"connections": 99},
        {"schedule": [{"start": "25:00", "end": "1", "limit": 1}]},
    ],
    ids=str,
)
async def test_an_invalid_policy_is_rejected(pod: ControlPlane, change: dict[str, Any]) -> None:
    answer = await pod.client.put("/api/downloads/policy", json=change)
    assert answer.status_code == 400
    assert (await pod.client.get("/api/downloads/policy")).json()["files_at_once"] == 4
