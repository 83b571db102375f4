"""A user downloads a repository, or some of its files, with one request."""

from pathlib import Path
from typing import Any

import pytest

from tests.backend.conftest import hub_settings
from tests.support.control_plane import ControlPlane, running_control_plane
from tests.support.hub import Hub, faults
from tests.support.hub.formats import pickle_checkpoint, safetensors
from tests.support.process import free_port

REPO = "acme/diffuser"


@pytest.fixture(autouse=True)
def repository(hub: Hub) -> None:
    hub.add(REPO, "README.md", b"# A model\n", lfs=False)
    hub.add(REPO, "unet/config.json", b'{"a": 1}', lfs=False)
    hub.add(REPO, "unet/model.safetensors", safetensors(2000))
    hub.add(REPO, "vae/model.safetensors", safetensors(3000, 1))
    hub.add(REPO, "split_files/loras/daisy.safetensors", safetensors(4000, 2))


async def batch(pod: ControlPlane, **wanted: Any) -> dict[str, Any]:
    answer = await pod.client.post("/api/downloads/batch", json={"url": REPO, **wanted})
    assert answer.status_code == 202, answer.text
    body: dict[str, Any] = answer.json()
    return body


async def refusal(pod: ControlPlane, **wanted: Any) -> tuple[int, str]:
    answer = await pod.client.post("/api/downloads/batch", json={"url": REPO, **wanted})
    return answer.status_code, answer.json()["error"]["code"]


async def test_a_repository_is_downloaded_with_its_folders(pod: ControlPlane) -> None:
    report = await batch(pod, folder="diffusers/acme", keep_folders=True)
    assert report["refused"] == []
    for transfer in report["transfers"]:
        assert (await pod.finished(transfer["id"]))["verification"] == "verified"
    root = pod.models / "diffusers/acme"
    assert sorted(path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()) == [
        "README.md", "split_files/loras/daisy.safetensors", "unet/config.json", "unet/model.safetensors", "vae/model.safetensors",
    ]  # fmt: skip
    again = await batch(pod, folder="diffusers/acme", keep_folders=True)
    assert {transfer["state"] for transfer in again["transfers"]} == {"done"}


async def test_a_folder_is_downloaded_without_its_parents(pod: ControlPlane) -> None:
    report = await batch(
        pod, url=f"https://huggingface.co/{REPO}/tree/main/unet", folder="diffusers/acme", keep_folders=True
    )
    assert {(t["folder"], t["filename"]) for t in report["transfers"]} == {
        ("diffusers/acme", "config.json"),
        ("diffusers/acme", "model.safetensors"),
    }


async def test_selected_files_go_to_the_suggested_folders(pod: ControlPlane) -> None:
    report = await batch(pod, paths=["split_files/loras/daisy.safetensors", "vae/model.safetensors"])
    assert {(t["folder"], t["filename"]) for t in report["transfers"]} == {
        ("loras", "daisy.safetensors"),
        ("vae", "model.safetensors"),
    }


async def test_an_invalid_selection_downloads_nothing(pod: ControlPlane, hub: Hub) -> None:
    assert await refusal(pod, folder="diffusers") == (400, "same_name")
    assert await refusal(pod, paths=["README.md"]) == (400, "folder_needed")
    assert await refusal(pod, paths=["elsewhere"]) == (400, "unknown_path")
    hub.repository(REPO).gated = True
    assert await refusal(pod, folder="diffusers", keep_folders=True) == (403, "gated")
    assert (await pod.client.get("/api/downloads")).json() == []


async def test_a_rejected_file_does_not_stop_the_others(pod: ControlPlane, hub: Hub) -> None:
    hub.add(REPO, "split_files/loras/old.pt", pickle_checkpoint())
    (pod.models / "loras").mkdir(parents=True)
    (pod.models / "loras/daisy.safetensors").write_bytes(b"another file")
    paths = ["split_files/loras/old.pt", "split_files/loras/daisy.safetensors", "vae/model.safetensors"]
    report = await batch(pod, paths=paths)
    assert [transfer["filename"] for transfer in report["transfers"]] == ["model.safetensors"]
    assert [refusal["filename"] for refusal in report["refused"]] == ["old.pt", "daisy.safetensors"]
    trusted = await batch(pod, paths=paths[:1], allow_pickle=True)
    assert (await pod.finished(trusted["transfers"][0]["id"]))["state"] == "done"


async def test_a_repository_is_not_accepted_as_one_file(pod: ControlPlane) -> None:
    answer = await pod.client.post("/api/downloads", json={"url": REPO, "folder": "loras"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "several_files")


async def test_alternatives_are_tried_in_order_when_the_content_is_known(pod: ControlPlane, hub: Hub) -> None:
    gone, broken, good = (
        hub.add_plain(f"{n}.safetensors", safetensors(5000, 9)) for n in ("gone", "broken", "good")
    )
    hub.fault(gone, faults.Status(code=404, on="resolve", times=None))
    hub.fault(broken, faults.Status(code=403, on="resolve", times=None))
    wanted = {
        "url": hub.url_of(gone),
        "alternatives": [hub.url_of(broken), hub.url_of(good)],
        "folder": "loras",
        "filename": "x.safetensors",
    }
    without = await pod.download(**wanted)
    assert (await pod.finished(without["id"]))["problem"]["code"] == "not_at_source"
    await pod.client.post(f"/api/downloads/{without['id']}/cancel")
    transfer = await pod.download(**wanted, sha256=good.sha256)
    assert (await pod.finished(transfer["id"]))["verification"] == "verified"
    asked = [seen.path.rpartition("/")[2] for seen in hub.requests]
    assert asked[-3:] == ["gone.safetensors", "broken.safetensors", "good.safetensors"]


async def test_an_alternative_is_tried_when_the_first_source_does_not_answer(
    workspace: Path, hub: Hub
) -> None:
    file = hub.add_plain("x.safetensors", safetensors(5000, 9))
    away = f"127.0.0.1:{free_port()}"
    settings = hub_settings(hub) | {"download_allowed_hosts": (*hub.cdn_hosts, away)}
    async with running_control_plane(workspace, **settings) as pod:
        transfer = await pod.download(
            url=f"http://{away}/x.safetensors",
            alternatives=[hub.url_of(file)],
            folder="loras",
            sha256=file.sha256,
        )
        done = await pod.finished(transfer["id"])
    assert (done["verification"], done["failures"]) == ("verified", 0)


async def test_received_bytes_are_resumed_after_a_newer_commit(pod: ControlPlane, hub: Hub) -> None:
    model = hub.add(REPO, "vae/large.safetensors", safetensors(3_000_000, 5))
    gate = hub.hold(model, after=2_000_000)
    (first,) = (await batch(pod, paths=[model.path]))["transfers"]
    await pod.until(first["id"], lambda seen: seen["received"] == 2_000_000)
    hub.fault(model, faults.Status(code=404, on="resolve", times=None))
    for action in ("pause", "resume"):
        await pod.client.post(f"/api/downloads/{first['id']}/{action}")
    assert (await pod.finished(first["id"]))["state"] == "failed"
    gate.release()
    hub.clear_faults(model)
    hub.add(REPO, "README.md", b"# A better model\n", lfs=False)
    hub.forget_requests()
    (second,) = (await batch(pod, paths=[model.path]))["transfers"]
    assert second["url"] != first["url"]
    assert (await pod.finished(second["id"]))["verification"] == "verified"
    starts = [
        int(seen.headers["Range"].removeprefix("bytes=").split("-")[0]) for seen in hub.requests_to("cdn")
    ]
    assert min(starts) == 2_000_000
