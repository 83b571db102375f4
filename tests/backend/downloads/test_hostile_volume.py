"""Symbolic links, loops and very long names on the volume are handled and reported."""

import os
from pathlib import Path

import pytest

from tests.support.control_plane import ControlPlane
from tests.support.hub import Hub
from tests.support.hub.catalogue import HubFile
from tests.support.hub.formats import safetensors

SIZE = 3_000_000


@pytest.fixture
def model(hub: Hub) -> HubFile:
    return hub.add("acme/models", "flower.safetensors", safetensors(SIZE))


async def test_a_folder_that_links_to_itself_is_refused(pod: ControlPlane, hub: Hub, model: HubFile) -> None:
    (pod.models / "loras").mkdir(parents=True)
    (pod.models / "loras/loop").symlink_to("loop")
    request = {"url": hub.url_of(model), "folder": "loras/loop"}
    answer = await pod.client.post("/api/downloads", json=request)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "bad_destination")
    assert "Choose another folder" in answer.json()["error"]["message"]


async def test_a_very_long_source_path_is_rejected_without_stopping_others(
    pod: ControlPlane, hub: Hub, model: HubFile
) -> None:
    deep = "/".join(["d" * 190] * 25)
    hub.add("acme/models", f"{deep}/deep.safetensors", safetensors(1000))
    request = {"url": "acme/models", "folder": "loras", "keep_folders": True}
    answer = await pod.client.post("/api/downloads/batch", json=request)
    assert answer.status_code == 202, answer.text
    report = answer.json()
    assert [transfer["filename"] for transfer in report["transfers"]] == ["flower.safetensors"]
    assert "cannot be used: File name too long" in report["refused"][0]["message"]


async def test_a_name_of_900_characters_is_shortened(pod: ControlPlane, hub: Hub) -> None:
    long = hub.add_plain("n" * 900 + ".safetensors", safetensors(1000).read(0, 1000))
    transfer = await pod.download(url=hub.url_of(long), folder="loras")
    assert (await pod.finished(transfer["id"]))["state"] == "done"
    assert transfer["filename"].endswith("nn.safetensors")


@pytest.mark.parametrize("plant", [os.symlink, os.link], ids=["symbolic link", "hard link"])
async def test_a_planted_part_file_is_replaced_and_not_written_through(
    pod: ControlPlane, hub: Hub, model: HubFile, tmp_path: Path, plant: object
) -> None:
    precious = tmp_path / "precious.txt"
    precious.write_text("keep me")
    (pod.models / "loras").mkdir(parents=True)
    assert callable(plant)
    plant(precious, pod.models / "loras/flower.safetensors.part")
    plant(precious, pod.models / "loras/.flower.safetensors.resume.tmp")
    transfer = await pod.download(url=hub.url_of(model), folder="loras")
    assert (await pod.finished(transfer["id"]))["state"] == "done"
    assert precious.read_text() == "keep me"
    assert (pod.models / "loras/flower.safetensors").stat().st_size == SIZE
    assert pod.leftovers() == []
