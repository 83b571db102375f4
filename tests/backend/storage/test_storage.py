"""Which files count as models, how much disk space they take, and reuse of existing content."""

import hashlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.backend.conftest import hub_settings
from tests.support.control_plane import ControlPlane, running_control_plane
from tests.support.hub import Hub
from tests.support.hub.catalogue import HubFile
from tests.support.hub.formats import safetensors

SIZE = 40_000
MORE_FOLDERS = """
others:
  base_path: {mount}
  is_default: true
  loras: |
    lora
    more/lora
  clip: clip
  custom_nodes: nodes
  checkpoints: 7
broken: [1, 2]
"""


@pytest.fixture
def model(hub: Hub) -> HubFile:
    return hub.add("acme/style", "ink.safetensors", safetensors(SIZE))


@pytest.fixture
async def pod(workspace: Path, tmp_path: Path, hub: Hub, model: HubFile) -> AsyncIterator[ControlPlane]:
    """Run a control plane with a preset of one file, whose hash and size are known."""
    presets = tmp_path / "presets"
    presets.mkdir()
    wanted = f"{{folder: loras, filename: ink.safetensors, url: {hub.url_of(model)}, bytes: {SIZE}"
    (presets / "ink.yaml").write_text(
        f"id: ink\ntitle: Ink\ncategory: Test\nfiles:\n  - {wanted}, sha256: {model.sha256}}}\n"
    )
    async with running_control_plane(workspace, **hub_settings(hub), presets_dir=presets) as plane:
        yield plane


def put(path: Path, content: bytes = b"my own") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


async def models_of(pod: ControlPlane) -> list[str]:
    """Return every model file that ComfyUI offers, under ComfyUI's names."""
    report = (await pod.client.post("/api/presets/export", json={"id": "all", "title": "All"})).json()
    assert report["hashing"] == []
    return sorted(report["left_out"])


async def test_models_are_found_in_all_folders_of_comfyui(pod: ControlPlane, tmp_path: Path) -> None:
    mount = tmp_path / "mount"
    put(pod.models.parent / "extra_model_paths.yaml", MORE_FOLDERS.format(mount=mount).encode())
    put(pod.models / "vae/a.safetensors")
    for place in ("lora/b.safetensors", "more/lora/deep/c.safetensors", "clip/d.safetensors", "nodes/e.pt"):
        put(mount / place)
    assert await models_of(pod) == [
        "loras/b.safetensors",
        "loras/deep/c.safetensors",
        "text_encoders/d.safetensors",
        "vae/a.safetensors",
    ]


@pytest.mark.parametrize("content", [b"\xff\xfe", b"a: [", b"just words", b""])
async def test_an_unreadable_list_of_folders_is_ignored(pod: ControlPlane, content: bytes) -> None:
    put(pod.models.parent / "extra_model_paths.yaml", content)
    put(pod.models / "vae/a.safetensors")
    assert await models_of(pod) == ["vae/a.safetensors"]


async def test_each_model_counts_once_and_other_files_do_not(pod: ControlPlane, tmp_path: Path) -> None:
    put(tmp_path / "mount/x.safetensors")
    put(pod.models / "loras/style/y.safetensors")
    (pod.models / "loras/mount").symlink_to(tmp_path / "mount")
    (pod.models / "loras/again").symlink_to(tmp_path / "mount")
    (pod.models / "loras/style/round").symlink_to(pod.models / "loras")
    (pod.models / "loras/nowhere.safetensors").symlink_to(tmp_path / "gone")
    for name in (".hidden", "put_loras_here", "z.safetensors.part", "z.crdownload", "z.aria2"):
        put(pod.models / "loras" / name)
    put(pod.models / "loras/empty.safetensors", b"")
    found = await models_of(pod)
    assert [place.rpartition("/")[2] for place in found] == ["x.safetensors", "y.safetensors"]


async def test_disk_space_is_counted_by_folder_with_unfinished_files(pod: ControlPlane) -> None:
    put(pod.models / "loras/a.safetensors", bytes(5))
    put(pod.models / "loras/deep/b.safetensors.part", bytes(7))
    put(pod.models / "vae/put_vae_here")
    (pod.models / "vae/gone").symlink_to("nowhere")
    (pod.models / "empty").mkdir()
    view = (await pod.client.get("/api/storage")).json()
    assert view["folders"] == [{"name": "loras", "files": 2, "bytes": 12}]
    assert view["disk"]["free"] > 0


@pytest.mark.parametrize("to", ["relative", "absolute"])
async def test_content_behind_a_symbolic_link_gets_a_valid_second_name(
    pod: ControlPlane, hub: Hub, model: HubFile, to: str
) -> None:
    store = pod.models.parent / "store/whatever.safetensors"
    put(store, model.content.read(0, SIZE))
    link = pod.models / "checkpoints/deep/er/link.safetensors"
    link.parent.mkdir(parents=True)
    link.symlink_to(store if to == "absolute" else "../../../../store/whatever.safetensors")
    assert (await pod.client.post("/api/presets/ink/download")).json() == []
    assert (await pod.client.get("/api/presets/ink/status")).json()["state"] == "installed"
    assert (pod.models / "loras/ink.safetensors").samefile(store)
    assert not (pod.models / "loras/ink.safetensors").is_symlink()
    assert hub.requests_to("cdn") == []


async def test_downloaded_content_is_shared_until_it_changes(
    pod: ControlPlane, hub: Hub, model: HubFile
) -> None:
    async def fetched(name: str) -> Path:
        transfer = await pod.download(url=hub.url_of(model), folder="vae", filename=name)
        assert (await pod.finished(transfer["id"]))["verification"] == "verified"
        return pod.models / "vae" / name

    first, second = await fetched("1.safetensors"), await fetched("2.safetensors")
    assert first.samefile(second)
    assert len(hub.requests_to("cdn")) == 1
    # Writing through one hard link changes the content under every name.
    first.write_bytes(bytes(SIZE))
    third = await fetched("3.safetensors")
    assert len(hub.requests_to("cdn")) == 2
    assert hashlib.sha256(third.read_bytes()).hexdigest() == model.sha256
