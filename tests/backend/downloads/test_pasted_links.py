"""Signed links download, and their signatures never reach disk, a log, a response or an event."""

import asyncio
import json
from pathlib import Path

import pytest

from tests.backend.conftest import hub_settings
from tests.backend.downloads.resuming import bytes_asked
from tests.support.control_plane import ControlPlane, running_control_plane
from tests.support.hub import Hub
from tests.support.hub.catalogue import HubFile
from tests.support.hub.formats import safetensors


@pytest.fixture
def model(hub: Hub) -> HubFile:
    return hub.add("acme/models", "split_files/o'daisy (1).safetensors", safetensors(200_000))


def secret_of(link: str) -> str:
    return link.partition("Signature=")[2]


async def test_a_signed_link_downloads_and_its_signature_stays_in_memory(
    pod: ControlPlane, hub: Hub, model: HubFile, workspace: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    link = hub.signed_url_of(model)
    gate = hub.hold(model, after=100_000)
    frames = []
    async with pod.socket("/ws/downloads") as socket:
        transfer = await pod.download(url=link, folder="loras", filename="daisy.safetensors")
        await asyncio.to_thread(gate.wait_until_reached)
        await pod.client.post(f"/api/downloads/{transfer['id']}/pause")
        on_disk = b"".join(path.read_bytes() for path in workspace.rglob("*") if path.is_file())
        await pod.client.post(f"/api/downloads/{transfer['id']}/resume")
        gate.release()
        done = await pod.finished(transfer["id"])
        async for frame in socket:
            frames.append(frame)
            if json.loads(frame).get("transfer", {}).get("state") == "done":
                break
    assert (done["state"], done["url"]) == ("done", transfer["url"])
    assert (pod.models / "loras/daisy.safetensors").stat().st_size == model.size
    printed = capfd.readouterr()
    for place in (on_disk.decode(errors="replace"), printed.out, printed.err, json.dumps(done), *frames):
        assert secret_of(link) not in place
        assert "Key-Pair-Id" not in place


async def test_the_file_name_from_the_server_is_used(pod: ControlPlane, hub: Hub, model: HubFile) -> None:
    hub.add("acme/models", "abc", safetensors(1000), lfs=True)
    link = hub.signed_url_of(hub.repository("acme/models").files("main")["abc"])
    transfer = await pod.download(url=link, folder="loras")
    assert transfer["filename"] == "abc"


async def test_after_a_restart_the_link_must_be_pasted_again_and_the_download_resumes(
    workspace: Path, hub: Hub, model: HubFile
) -> None:
    wanted = {"folder": "loras", "filename": "daisy.safetensors"}
    gate = hub.hold(model, after=100_000)
    async with running_control_plane(workspace, **hub_settings(hub)) as pod:
        transfer = await pod.download(url=hub.signed_url_of(model), **wanted)
        await asyncio.to_thread(gate.wait_until_reached)
        await pod.until(transfer["id"], lambda seen: seen["received"] == 100_000)
        await pod.client.post(f"/api/downloads/{transfer['id']}/pause")
    gate.release()
    async with running_control_plane(workspace, **hub_settings(hub)) as pod:
        await pod.client.post(f"/api/downloads/{transfer['id']}/resume")
        forgotten = await pod.finished(transfer["id"])
        assert (forgotten["state"], forgotten["problem"]["code"]) == ("failed", "paste_again")
        assert "Paste the link again" in forgotten["problem"]["message"]
        hub.forget_requests()
        again = await pod.download(url=hub.signed_url_of(model), **wanted)
        assert (await pod.finished(again["id"]))["state"] == "done"
    assert bytes_asked(hub) == model.size - 100_000
    assert (workspace / "ComfyUI/models/loras/daisy.safetensors").read_bytes() == model.content.read(
        0, model.size
    )


async def test_an_expired_link_asks_for_a_new_one(pod: ControlPlane, hub: Hub, model: HubFile) -> None:
    link = hub.signed_url_of(model)
    hub.expire_links()
    transfer = await pod.download(url=link, folder="loras")
    problem = (await pod.finished(transfer["id"]))["problem"]
    assert problem["code"] == "paste_again"
    assert "Copy a fresh one" in problem["message"]


async def test_a_user_and_password_in_a_link_are_used_and_not_stored(pod: ControlPlane, hub: Hub) -> None:
    file = hub.add_plain("daisy.safetensors", safetensors(1000))
    url = hub.url_of(file).replace("http://", "http://ada:l0velace@")
    transfer = await pod.download(url=url, folder="loras")
    assert (await pod.finished(transfer["id"]))["state"] == "done"
    assert "l0velace" not in json.dumps(transfer)
    assert {seen.authorization for seen in hub.requests} == {"Basic YWRhOmwwdmVsYWNl"}
