"""A user verifies the files of a preset and repairs those that are truncated or damaged."""

import asyncio
import json
import os
import re
from pathlib import Path
from typing import Any

import pytest

from tests.backend.conftest import hub_settings
from tests.support.control_plane import ControlPlane, running_control_plane
from tests.support.hub import Hub, faults
from tests.support.hub.catalogue import HubFile
from tests.support.hub.formats import safetensors

SIZE = 300_000
MODEL = "vae/model.safetensors"
PRESET = """
id: one-file
title: One file
category: Test
files:
  - {{folder: vae, filename: model.safetensors, url: "{url}"}}
"""
FRAGMENT = {"Accept": "text/html", "HX-Request": "true", "HX-Request-Type": "partial"}


@pytest.fixture
def published(hub: Hub) -> HubFile:
    return hub.add("acme/models", "model.safetensors", safetensors(SIZE))


@pytest.fixture
async def pod(workspace: Path, tmp_path: Path, hub: Hub, published: HubFile):  # type: ignore[no-untyped-def]
    folder = tmp_path / "presets"
    folder.mkdir()
    definition = PRESET.format(url=hub.url_of(published))
    (folder / "one-file.yaml").write_text(definition)
    other = definition.replace("id: one-file", "id: another").replace("One file", "Another preset")
    (folder / "another.yaml").write_text(other)
    async with running_control_plane(workspace, **hub_settings(hub), presets_dir=folder) as plane:
        yield plane


def place_file(pod: ControlPlane, content: bytes) -> Path:
    path = pod.models / MODEL
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


async def status_of(pod: ControlPlane) -> dict[str, Any]:
    status = (await pod.client.get("/api/presets/one-file/status", params={"ask": True})).json()
    file: dict[str, Any] = status["files"][0]
    return file


async def verified(pod: ControlPlane) -> dict[str, Any]:
    """Verify the file, and return its status once it was read."""
    async with asyncio.timeout(30), pod.socket("/ws/storage") as frames:
        answer = await pod.client.post("/api/presets/one-file/verify", params={"file": MODEL})
        assert answer.status_code == 202, answer.text
        async for frame in frames:
            if json.loads(frame)["type"] == "models":
                status = await status_of(pod)
                if status["reading"] is None:
                    return status
    raise AssertionError("the socket was closed before the file was read")


async def repaired(pod: ControlPlane) -> dict[str, Any]:
    answer = await pod.client.post("/api/presets/one-file/repair", params={"file": MODEL})
    assert answer.status_code == 202, answer.text
    return await pod.finished(answer.json()["id"])


def first_bytes_requested(hub: Hub) -> list[int]:
    ranges = (seen.headers.get("Range", "bytes=0-") for seen in hub.requests_to("cdn"))
    return [int(text.removeprefix("bytes=").split("-")[0]) for text in ranges]


async def test_only_the_rest_of_a_truncated_file_is_downloaded(
    pod: ControlPlane, hub: Hub, published: HubFile
) -> None:
    content = published.content.read(0, SIZE)
    path = place_file(pod, content[:200_000])
    assert (await status_of(pod))["state"] == "other"
    transfer = await repaired(pod)
    assert (transfer["state"], transfer["verification"]) == ("done", "verified")
    assert first_bytes_requested(hub) == [200_000]
    assert path.read_bytes() == content
    assert [file.name for file in path.parent.iterdir()] == [path.name]


async def test_a_damaged_beginning_shows_in_the_end_and_the_whole_file_follows(
    pod: ControlPlane, hub: Hub, published: HubFile
) -> None:
    content = published.content.read(0, SIZE)
    path = place_file(pod, content[:1000] + bytes(100_000))
    transfer = await repaired(pod)
    assert (transfer["state"], path.exists()) == ("quarantined", False)
    hub.forget_requests()
    await pod.client.post(f"/api/downloads/{transfer['id']}/retry")
    assert (await pod.finished(transfer["id"]))["verification"] == "verified"
    assert (first_bytes_requested(hub)[0], path.read_bytes()) == (0, content)


async def test_damage_is_found_by_reading_and_the_whole_file_is_downloaded(
    pod: ControlPlane, hub: Hub, published: HubFile
) -> None:
    content = published.content.read(0, SIZE)
    damaged = content[:1000] + b"?" + content[1001:]
    path = place_file(pod, damaged)
    assert (await status_of(pod))["state"] == "installed"
    assert (await verified(pod))["state"] == "other"
    transfer = await repaired(pod)
    assert (transfer["verification"], path.read_bytes()) == ("verified", content)
    assert path.with_name("model.aside-1.safetensors").read_bytes() == damaged


async def test_damage_that_leaves_size_and_time_alone_is_found(
    pod: ControlPlane, hub: Hub, published: HubFile
) -> None:
    path = place_file(pod, published.content.read(0, SIZE))
    assert (await verified(pod))["verified"]
    before = path.stat()
    with path.open("r+b") as file:
        file.seek(5000)
        file.write(b"rotten")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert (await status_of(pod))["verified"]  # the hash on record
    assert (await verified(pod))["state"] == "other"
    kinds = [entry["kind"] for entry in (await pod.client.get("/api/activity")).json()["entries"]]
    assert "model.changed" in kinds


async def test_the_other_names_of_a_truncated_file_keep_their_content(
    pod: ControlPlane, hub: Hub, published: HubFile
) -> None:
    content = published.content.read(0, SIZE)
    path = place_file(pod, content[:200_000])
    other = pod.models / "vae/mine.safetensors"
    other.hardlink_to(path)
    assert (await repaired(pod))["state"] == "done"
    assert (path.read_bytes(), other.read_bytes()) == (content, content[:200_000])


async def test_a_repair_that_fails_keeps_what_is_on_disk(
    pod: ControlPlane, hub: Hub, published: HubFile
) -> None:
    path = place_file(pod, published.content.read(0, 200_000))
    await status_of(pod)  # the hub has told size and hash
    hub.fault(published, faults.Status(code=404, on="resolve"))
    transfer = await repaired(pod)
    assert transfer["state"] == "failed"
    assert path.with_name(f"{path.name}.part").stat().st_size == 200_000


@pytest.mark.parametrize(
    ("action", "file", "code"),
    [
        ("verify", MODEL, "not_installed"),
        ("repair", MODEL, "not_damaged"),
        ("verify", "vae/other", "no_such_file"),
        ("repair", "../../etc/passwd", "no_such_file"),
    ],
)
async def test_what_cannot_be_done_is_refused(pod: ControlPlane, action: str, file: str, code: str) -> None:
    answer = await pod.client.post(f"/api/presets/one-file/{action}", params={"file": file})
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, code)


async def test_the_page_offers_a_repair_and_says_what_it_downloads(
    pod: ControlPlane, published: HubFile
) -> None:
    place_file(pod, published.content.read(0, 200_000))
    page = (await pod.client.get("/presets/one-file", headers=FRAGMENT)).text
    assert "Shorter than published: 200.0 kB instead of 300.0 kB" in page
    assert "Download the missing 100.0 kB" in page
    assert 'href="/presets/another">Another preset' in page
    place_file(pod, bytes(SIZE))
    await verified(pod)
    page = (await pod.client.get("/presets/one-file", headers=FRAGMENT)).text
    assert re.search(
        r"Download the whole file model.safetensors again, 300.0 kB\? Hubs publish one hash", page
    )
    answer = await pod.client.post(f"/presets/one-file/repair?file={MODEL}", headers=FRAGMENT)
    assert "is renamed; delete it on the Storage page" in answer.headers["HX-Trigger"]


async def test_the_page_shows_one_total_while_files_are_downloaded(
    pod: ControlPlane, hub: Hub, published: HubFile
) -> None:
    gate = hub.hold(published, after=100_000)
    transfer = (await pod.client.post("/api/presets/one-file/download")).json()[0]["id"]
    await pod.until(transfer, lambda each: each["received"] == 100_000)
    page = (await pod.client.get("/presets/one-file", headers=FRAGMENT)).text
    assert f'data-transfers="{transfer}" data-before="0"' in re.sub(r"\s+", " ", page)
    assert "100.0 of 300.0 kB" in page
    gate.release()
    await pod.finished(transfer)
