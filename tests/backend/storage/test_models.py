"""A user finds large models and deletes them."""

import asyncio
import json
import os
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
