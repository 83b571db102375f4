"""A user finds large models and deletes them."""

import asyncio
import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.support.control_plane import ControlPlane
from tests.support.hub import Hub
from tests.support.hub.formats import safetensors

FRAGMENT = {"Accept": "text/html", "HX-Request": "true", "HX-Request-Type": "partial"}


def put(file: Path, size: int = 1000) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(b"x" * size)
    return file


@pytest.fixture
def elsewhere(pod: ControlPlane, tmp_path: Path) -> Path:
    """Return a second model folder, like a mounted volume."""
    folder = tmp_path / "elsewhere"
    put(folder / "shared.safetensors")
    pod.models.mkdir(parents=True, exist_ok=True)
    (pod.models.parent / "extra_model_paths.yaml").write_text(f"mine:\n  loras: {folder}\n")
    return folder


async def listed(pod: ControlPlane) -> dict[str, dict[str, object]]:
    return {model["path"]: model for model in (await pod.client.get("/api/storage/models")).json()}


async def changed(pod: ControlPlane, change: Callable[[], object]) -> None:
    """Change something on disk, and wait until the control plane notices."""
    async with asyncio.timeout(30), pod.socket("/ws/storage") as frames:
        await frames.recv()
        change()
        while json.loads(await frames.recv())["type"] != "models":
            pass


async def test_every_model_is_listed_with_its_metadata(pod: ControlPlane, hub: Hub, elsewhere: Path) -> None:
    content = safetensors(2000)
    url = hub.url_of(hub.add("acme/models", "daisy.safetensors", content))
    asked = await pod.download(url=url, folder="loras/style")
    await pod.finished(asked["id"])
    put(pod.models / "vae/ae.safetensors")
    put(pod.models / "vae/half.safetensors.part")
    (pod.models / "vae" / os.fsdecode(b"caf\xe9.safetensors")).write_bytes(b"x")
    found = await listed(pod)
    shared = str(elsewhere / "shared.safetensors")
    assert set(found) == {"loras/style/daisy.safetensors", "vae/ae.safetensors", shared}
    fetched, adopted = found["loras/style/daisy.safetensors"], found["vae/ae.safetensors"]
    assert (fetched["bytes"], fetched["folder"], fetched["deletable"]) == (2000, "loras/style", True)
    assert fetched["sha256"] == content.sha256
    assert (adopted["sha256"], "image_z_image_turbo" in str(adopted["presets"])) == (None, True)
    assert (found[shared]["folder"], found[shared]["deletable"]) == ("loras", False)
    await changed(pod, lambda: (pod.models / "loras/style/daisy.safetensors").write_bytes(b"another content"))
    assert (await listed(pod))["loras/style/daisy.safetensors"]["sha256"] is None


async def test_a_model_without_a_preset_is_deleted(pod: ControlPlane) -> None:
    old, kept = put(pod.models / "clip/old name #1.safetensors"), put(pod.models / "loras/kept.safetensors")
    answer = await pod.client.delete(f"/api/storage/models/{quote('clip/old name #1.safetensors')}")
    assert (answer.status_code, old.exists(), kept.exists()) == (204, False, True)
    again = await pod.client.delete(f"/api/storage/models/{quote('clip/old name #1.safetensors')}")
    assert again.status_code == 404


async def test_only_models_of_the_workspace_can_be_deleted(
    pod: ControlPlane, elsewhere: Path, tmp_path: Path
) -> None:
    outside = put(tmp_path / "outside/secret.safetensors")
    (pod.models / "vae").mkdir(parents=True)
    (pod.models / "vae/linked.safetensors").symlink_to(outside)
    (pod.models / "vae/folder").symlink_to(outside.parent)
    part = put(pod.models / "vae/coming.safetensors.part")
    shared = elsewhere / "shared.safetensors"
    for path, status in (
        ("vae/linked.safetensors", 409),
        ("vae/folder/secret.safetensors", 409),
        (str(shared), 409),
        (str(outside), 404),
        ("vae/../../../../outside/secret.safetensors", 404),
        ("vae/coming.safetensors.part", 404),
        ("vae", 404),
        ("", 404),
    ):
        answer = await pod.client.delete(f"/api/storage/models/{quote(path, safe='')}")
        assert answer.status_code == status, path
    assert all(file.exists() for file in (outside, shared, part, pod.models / "vae/linked.safetensors"))


async def test_the_page_sorts_searches_and_deletes(pod: ControlPlane) -> None:
    put(pod.models / "loras/Small.safetensors", 10)
    put(pod.models / "vae/large.safetensors", 5000)

    async def shown(query: str = "") -> str:
        return (await pod.client.get(f"/storage{query}", headers=FRAGMENT)).text

    page = await shown()
    assert page.index("large.safetensors") < page.index("Small.safetensors")
    page = await shown("?order=name&q=SAFE")
    assert "2 models" in page
    assert "large" not in await shown("?q=loras/small")
    assert "No model matches" in await shown("?q=nothing-like-this")
    answer = await pod.client.delete("/storage/models/vae/large.safetensors", headers=FRAGMENT)
    assert "Deleted large.safetensors, 5.0 kB." in answer.headers["HX-Trigger"]
    assert "large" not in await shown()


async def test_a_file_of_the_wrong_size_is_shown_as_wrong_until_the_user_keeps_it(pod: ControlPlane) -> None:
    put(pod.models / "vae/ae.safetensors", 7)
    put(pod.models / "loras/mine.safetensors", 7)
    found = await listed(pod)
    assert found["vae/ae.safetensors"]["wrong"] == "7 B instead of 335.3 MB"
    assert found["loras/mine.safetensors"]["wrong"] is None
    page = (await pod.client.get("/storage", headers=FRAGMENT)).text
    assert "Wrong file" in page
    kept = await pod.client.post(
        "/api/presets/flux-text-encoders/keep", params={"file": "vae/ae.safetensors"}
    )
    assert kept.is_success, kept.text
    assert (await listed(pod))["vae/ae.safetensors"]["wrong"] is None


async def test_deleting_names_every_preset_that_uses_the_file(pod: ControlPlane) -> None:
    put(pod.models / "vae/ae.safetensors")
    page = (await pod.client.get("/storage", headers=FRAGMENT)).text
    (number,) = re.findall(r"(\d+) presets use it:", page)
    uses = (await listed(pod))["vae/ae.safetensors"]["presets"]
    assert isinstance(uses, list)
    assert int(number) == len(uses) > 3
    question = page.partition("presets use it:")[2].partition('"')[0]
    assert question.count(", ") >= len(uses) - 1
    assert "Text encoders and VAE for FLUX.1" in question


async def test_the_disk_bar_spans_what_can_be_used_and_warns(pod: ControlPlane) -> None:
    page = (await pod.client.get("/storage/disk", headers=FRAGMENT)).text
    disk = (await pod.client.get("/api/storage")).json()["disk"]
    (maximum,) = re.findall(r'aria-label="Workspace disk" value="\d+" max="(\d+)"', page)
    assert int(maximum) == pytest.approx(disk["used"] + disk["free"], rel=0.01)
