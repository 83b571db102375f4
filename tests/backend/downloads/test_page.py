"""The downloads page: its fragments and buttons, requested as htmx does."""

import asyncio
import re
from pathlib import Path
from typing import Any

import pytest

from tests.backend.conftest import hub_settings
from tests.support.comfyui.process import running_comfyui
from tests.support.control_plane import ControlPlane, running_control_plane
from tests.support.hub import Hub, faults
from tests.support.hub.catalogue import HubFile
from tests.support.hub.content import Enormous
from tests.support.hub.formats import safetensors

FRAGMENT = {"Accept": "text/html", "HX-Request": "true", "HX-Request-Type": "partial"}


@pytest.fixture
def models(hub: Hub) -> list[HubFile]:
    return [
        hub.add("acme/models", f"{name}.safetensors", safetensors(200_000, seed=number))
        for number, name in enumerate(["ant", "bee", "cat"])
    ]


async def ask(pod: ControlPlane, hub: Hub, file: Any) -> str:
    return str((await pod.download(url=hub.url_of(file), folder="loras"))["id"])


async def page(pod: ControlPlane, query: str = "") -> str:
    answer = await pod.client.get(f"/downloads{query}", headers=FRAGMENT)
    assert answer.status_code == 200, answer.text
    return answer.text


async def press(pod: ControlPlane, path: str) -> None:
    answer = await pod.client.post(f"/downloads/{path}", headers=FRAGMENT)
    assert (answer.status_code, answer.content) == (204, b"")
    assert "transfers-changed" in answer.headers["HX-Trigger"]


def names(html: str) -> list[str]:
    return re.findall(r">(\w+)\.safetensors<", html)


async def test_the_toolbar_offers_only_possible_actions(
    pod: ControlPlane, hub: Hub, models: list[HubFile]
) -> None:
    words = ("Pause all", "Resume all", "Retry failed", "Clear history")
    gate = hub.hold(models[0], after=1000)
    hub.fault(models[1], faults.Status(code=404, on="resolve"))

    async def offered() -> list[str]:
        html = await page(pod)
        return [word for word in words if word in html]

    assert await offered() == []
    running = await ask(pod, hub, models[0])
    assert await offered() == ["Pause all"]
    await press(pod, "pause")
    assert await offered() == ["Resume all"]
    failed = await ask(pod, hub, models[1])
    await pod.finished(failed)
    assert await offered() == ["Resume all", "Retry failed"]
    gate.release()
    await press(pod, "resume")
    await press(pod, "retry")
    for transfer in (running, failed):
        await pod.finished(transfer)
    assert await offered() == ["Clear history"]
    await press(pod, "clear")
    assert "No downloads yet" in await page(pod)


async def test_a_queued_download_is_put_first_unless_it_is_first(
    pod: ControlPlane, hub: Hub, models: list[HubFile]
) -> None:
    await pod.client.put("/api/downloads/policy", json={"files_at_once": 1})
    gate = hub.hold(models[0])
    running, following, last = [await ask(pod, hub, model) for model in models]
    await asyncio.to_thread(gate.wait_until_reached)
    assert re.findall(r'hx-post="/downloads/(\w+)/first"', await page(pod)) == [last]
    await press(pod, f"{last}/first")
    assert re.findall(r'hx-post="/downloads/(\w+)/first"', await page(pod)) == [following]
    gate.release()
    for transfer in (running, following, last):
        await pod.finished(transfer)


async def test_a_queue_is_ordered_from_any_page(
    pod: ControlPlane, hub: Hub, models: list[HubFile], tmp_path: Path
) -> None:
    await pod.client.put("/api/downloads/policy", json={"files_at_once": 1})
    gate = hub.hold(models[0])
    running, second, third = [await ask(pod, hub, model) for model in models]
    await asyncio.to_thread(gate.wait_until_reached)

    async def order() -> list[str]:
        transfers = (await pod.client.get("/api/downloads")).json()
        shown = re.findall(r'class="transfer" id="transfer-(\w+)"', await page(pod))
        assert shown == [transfer["id"] for transfer in transfers]
        return shown

    async def place(transfer: str, **where: str) -> None:
        answer = await pod.client.post(f"/downloads/{transfer}/place", data=where, headers=FRAGMENT)
        assert answer.status_code == 204, answer.text

    await place(third, before=second)
    assert await order() == [running, third, second]
    await place(third, after=second)
    assert await order() == [running, second, third]
    await place(running, after=third)
    assert await order() == [second, third, running]
    body = {"ids": [third, running], "before": second}
    assert (await pod.client.post("/api/downloads/order", json=body)).status_code == 200
    assert await order() == [third, running, second]
    for _ in range(40):  # positions are halved until they are counted anew
        await place(second, before=running)
        await place(running, before=second)
    assert await order() == [third, running, second]
    await press(pod, f"first?id={second}&id={third}")
    assert await order() == [second, third, running]
    gate.release()
    for transfer in (running, second, third):
        await pod.finished(transfer)
    refused = await pod.client.post(f"/downloads/{second}/place", data={"before": third}, headers=FRAGMENT)
    assert (refused.status_code, "has no place in the queue" in refused.headers["HX-Trigger"]) == (409, True)


async def test_files_of_a_preset_are_grouped_under_its_title(
    pod: ControlPlane, hub: Hub, models: list[HubFile]
) -> None:
    definition = {
        "id": "three-models",
        "title": "Three models & more",
        "category": "Test",
        "files": [
            {"folder": "vae", "filename": f"{n}.safetensors", "url": hub.url_of(model)}
            for n, model in enumerate(models)
        ],
    }
    assert (await pod.client.post("/api/presets/import", json=definition)).status_code == 201
    hub.hold(models[0])
    await pod.client.put("/api/downloads/policy", json={"files_at_once": 1})
    alone = await pod.download(url=hub.url_of(models[0]), folder="loras")
    await pod.client.post("/api/presets/three-models/download")
    html = re.sub(r"\s+", " ", await page(pod))
    assert re.findall(r'href="/presets/three-models">([^<]+)', html) == ["Three models &amp; more"]
    assert "3 files" in html
    assert html.index(alone["id"]) < html.index("three-models")


async def test_a_paused_download_still_shows_its_size(
    pod: ControlPlane, hub: Hub, models: list[HubFile]
) -> None:
    gate = hub.hold(models[0], after=100_000)
    transfer = await ask(pod, hub, models[0])
    await pod.until(transfer, lambda transfer: transfer["received"] == 100_000)
    await press(pod, f"{transfer}/pause")
    assert "100.0 of 200.0 kB" in await page(pod)
    gate.release()


async def test_finished_downloads_are_filtered_and_searched(
    pod: ControlPlane, hub: Hub, models: list[HubFile]
) -> None:
    hub.fault(models[0], faults.Status(code=404, on="resolve"))
    for model in models:
        await pod.finished(await ask(pod, hub, model))
    assert names(await page(pod)) == ["ant", "cat", "bee"]  # what failed needs a user and comes first
    assert names(await page(pod, "?state=done&days=1&q=loras%2FB")) == ["ant", "bee"]
    nothing = await page(pod, "?state=cancelled&q=%3Cscript%3E")
    assert "No download matches" in nothing
    assert "<script>" not in nothing


async def test_wrong_content_is_accepted_downloaded_again_or_deleted(
    pod: ControlPlane, hub: Hub, models: list[HubFile]
) -> None:
    for model in models:
        hub.fault(model, faults.WrongContent(times=1))
    ids = [await ask(pod, hub, model) for model in models]
    for transfer in ids:
        await pod.finished(transfer)
    html = await page(pod)
    words = ("Download again</button>", "Keep anyway</button>", "Delete</button>")
    assert [html.count(word) for word in words] == [3, 3, 3]
    for transfer, action in zip(ids, ("accept", "retry", "discard"), strict=True):
        await press(pod, f"{transfer}/{action}")
        await pod.finished(transfer)
    html = await page(pod)
    assert "Wrong content, kept" in html
    assert sorted(path.stem for path in (pod.models / "loras").iterdir()) == ["ant", "bee"]


@pytest.mark.parametrize(
    ("looks", "words"), [("ComfyUI", "Available in ComfyUI"), ("elsewhere", "Not listed by ComfyUI yet")]
)
async def test_a_finished_download_shows_whether_comfyui_offers_it(
    workspace: Path, hub: Hub, models: list[HubFile], looks: str, words: str
) -> None:
    (workspace / looks / "models/loras").mkdir(parents=True)
    with running_comfyui(workspace / looks) as comfyui:
        async with running_control_plane(workspace, **hub_settings(hub), comfyui_url=comfyui) as pod:
            transfer = await ask(pod, hub, models[0])
            await pod.until(transfer, lambda transfer: transfer["seen_by_comfyui"] is not None)
            assert words in await page(pod)


async def test_the_log_of_a_download_is_loaded_separately(
    pod: ControlPlane, hub: Hub, models: list[HubFile]
) -> None:
    transfer = await ask(pod, hub, models[0])
    await pod.finished(transfer)
    assert "Requested from" not in await page(pod)
    log = (await pod.client.get(f"/downloads/{transfer}/log", headers=FRAGMENT)).text
    assert re.search(r"<time [^>]+>\d\d \w{3} \d\d:\d\d:\d\d</time>\s*<span[^>]*>Requested from http", log)
    unknown = await pod.client.get("/downloads/unknown/log", headers=FRAGMENT)
    assert (unknown.status_code, "no such download" in unknown.headers["HX-Trigger"]) == (404, True)


async def test_a_long_history_is_shown_a_part_at_a_time(
    pod: ControlPlane, hub: Hub, models: list[HubFile]
) -> None:
    hub.hold(models[0])
    url = hub.url_of(models[0])

    async def ask_and_cancel(number: int) -> None:
        transfer = await pod.download(url=url, folder="loras", filename=f"copy-{number}.safetensors")
        await pod.client.post(f"/api/downloads/{transfer['id']}/cancel")

    await asyncio.gather(*(ask_and_cancel(number) for number in range(101)))
    html = await page(pod)
    assert "newest 40 of 101" in html
    assert html.count("<li ") == 40
    assert "newest 80 of 101" in await page(pod, "?shown=80")


async def test_a_file_that_does_not_fit_shows_what_could_be_freed(
    pod: ControlPlane, hub: Hub, models: list[HubFile]
) -> None:
    hub.hold(models[0], after=100_000)
    stopped = await ask(pod, hub, models[0])
    await pod.until(stopped, lambda transfer: transfer["received"] > 0)
    await pod.client.post(f"/api/downloads/{stopped}/pause")
    hub.add_civitai(4711, "huge.safetensors", Enormous())
    url = f"{hub.civitai_url}/api/download/models/4711"
    form = {"pick": "0", "url-0": url, "folder-0": "loras", "bytes-0": str(10**15)}
    answer = await pod.client.post("/downloads/add", data=form, headers=FRAGMENT)
    assert answer.status_code == 507
    assert "these files need 1.0 PB" in answer.text
    assert f'hx-post="/downloads/{stopped}/discard"' in answer.text
    assert names(await page(pod)) == ["ant"]


async def test_the_disk_is_shown_with_the_bytes_still_to_download(pod: ControlPlane, hub: Hub) -> None:
    assert re.search(r"B free\s*</p>", await page(pod))
    huge = hub.add("acme/models", "huge.safetensors", Enormous())
    transfer = await ask(pod, hub, huge)
    assert (await pod.finished(transfer))["problem"]["code"] == "disk_full"
    html = await page(pod)
    assert "1.0 PB to download" in html
    assert "Not enough disk space for the queued downloads" in html
    await press(pod, f"{transfer}/cancel")
    assert "to download" not in await page(pod)


async def test_a_format_that_can_run_code_is_downloaded_after_consent(pod: ControlPlane, hub: Hub) -> None:
    pickle = hub.add("acme/models", "old.ckpt", b"\x80\x02}q\x00.")
    form = {
        "pick": "0",
        "url-0": hub.url_of(pickle),
        "folder-0": "checkpoints",
        "filename-0": "mine.ckpt",
    }
    answer = await pod.client.post("/downloads/add", data=form, headers=FRAGMENT)
    assert "can run code" in answer.headers["HX-Trigger"]
    assert "No downloads yet" in await page(pod)
    answer = await pod.client.post("/downloads/add", data=form | {"allow_pickle": "on"}, headers=FRAGMENT)
    assert answer.headers["HX-Redirect"] == "/downloads"
    (transfer,) = (await pod.client.get("/api/downloads")).json()
    assert (await pod.finished(transfer["id"]))["filename"] == "mine.ckpt"
