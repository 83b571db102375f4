"""A user deletes models, changes their mind, and gets them back."""

import os
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from backend.core.errors import Conflict
from backend.storage.trash.folder import TrashFolder
from backend.storage.trash.models import TrashKind
from backend.storage.trash.service import Trash
from tests.support.control_plane import ControlPlane, running_control_plane

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def pod(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[ControlPlane]:
    async with running_control_plane(tmp_path_factory.mktemp("workspace")) as pod:
        yield pod


def put(pod: ControlPlane, place: str, content: bytes = b"my own.") -> Path:
    path = pod.models / place
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


async def move(pod: ControlPlane, *paths: str, kind: str = "model", status: int = 200) -> dict[str, Any]:
    answer = await pod.client.post("/api/trash", json={"kind": kind, "paths": paths})
    assert answer.status_code == status, answer.text
    body: dict[str, Any] = answer.json()
    return body


async def restore(pod: ControlPlane, *ids: str, status: int = 200) -> dict[str, Any]:
    answer = await pod.client.post("/api/trash/restore", json={"ids": ids})
    assert answer.status_code == status, answer.text
    body: dict[str, Any] = answer.json()
    return body


async def listed(pod: ControlPlane) -> list[str]:
    return [model["path"] for model in (await pod.client.get("/api/storage/models")).json()]


async def trashed(pod: ControlPlane) -> dict[str, dict[str, Any]]:
    return {item["path"]: item for item in (await pod.client.get("/api/trash?kind=model")).json()}


async def test_models_go_to_the_trash_and_come_back_together(pod: ControlPlane) -> None:
    files = [put(pod, "loras/style/ink.safetensors"), put(pod, "vae/ae.safetensors")]
    written = files[0].stat().st_mtime_ns
    moved = await move(pod, "loras/style/ink.safetensors", "vae/ae.safetensors")
    assert [item["bytes"] for item in moved["items"]] == [7, 7]
    assert not any(file.exists() for file in files)
    assert "vae/ae.safetensors" not in await listed(pod)
    assert (await pod.client.get("/api/storage")).json()["trash"] == {"files": 2, "bytes": 14}
    files[0].parent.rmdir()
    restored = await restore(pod, moved["move"])
    assert len(restored["items"]) == 2
    assert [file.read_bytes() for file in files] == [b"my own."] * 2
    assert files[0].stat().st_mtime_ns == written
    assert {"loras/style/ink.safetensors", "vae/ae.safetensors"} <= set(await listed(pod))
    assert (await pod.client.get("/api/storage")).json()["trash"]["files"] == 0


async def test_one_of_several_is_restored_and_another_deleted_for_good(pod: ControlPlane) -> None:
    for name in ("a", "b", "c"):
        put(pod, f"vae/{name}.safetensors")
    await move(pod, *(f"vae/{name}.safetensors" for name in ("a", "b", "c")))
    items = await trashed(pod)
    await restore(pod, items["vae/a.safetensors"]["id"])
    answer = await pod.client.delete(f"/api/trash/{items['vae/b.safetensors']['id']}")
    assert answer.json() == {"freed": 7}
    assert list(await trashed(pod)) == ["vae/c.safetensors"]
    assert (await pod.client.delete("/api/trash")).json() == {"freed": 7}
    assert await trashed(pod) == {}
    await restore(pod, items["vae/b.safetensors"]["id"], status=404)


async def test_nothing_is_overwritten_when_a_file_comes_back(pod: ControlPlane) -> None:
    file = put(pod, "vae/taken.safetensors", b"old")
    moved = await move(pod, "vae/taken.safetensors")
    put(pod, "vae/taken.safetensors", b"new")
    refused = (await restore(pod, moved["move"]))["refused"]
    assert "exists again" in refused[0]["message"]
    assert file.read_bytes() == b"new"
    file.unlink()
    await restore(pod, moved["move"])
    assert file.read_bytes() == b"old"


async def test_missing_and_foreign_files_are_refused_and_the_others_moved(
    pod: ControlPlane, tmp_path: Path
) -> None:
    outside = tmp_path / "outside.safetensors"
    outside.write_bytes(b"elsewhere")
    (pod.models / "loras").mkdir(exist_ok=True)
    (pod.models / "loras/linked").symlink_to(tmp_path)
    put(pod, "vae/mine.safetensors")
    paths = ["loras/linked/outside.safetensors", "vae/missing.safetensors", "../models/vae/mine.safetensors"]
    moved = await move(pod, *paths, "vae/mine.safetensors")
    assert [item["path"] for item in moved["items"]] == ["vae/mine.safetensors"]
    assert [refusal["path"] for refusal in moved["refused"]] == paths
    assert outside.exists()
    await move(pod, "vae/missing.safetensors", status=404)
    await move(pod, "loras/linked/outside.safetensors", status=409)


async def test_a_hard_link_in_the_trash_counts_nothing(pod: ControlPlane) -> None:
    file = put(pod, "vae/one.safetensors")
    os.link(file, pod.models / "vae/two.safetensors")
    moved = await move(pod, "vae/one.safetensors")
    assert (moved["items"][0]["bytes"], moved["items"][0]["freed"]) == (7, 0)


async def test_undo_on_the_page(pod: ControlPlane) -> None:
    file = put(pod, "vae/undo.safetensors")
    moved = await move(pod, "vae/undo.safetensors")
    answer = await pod.client.post(f"/trash/{moved['move']}/restore", headers={"HX-Request": "true"})
    assert answer.status_code == 204
    assert "Restored vae/undo.safetensors." in answer.headers["hx-trigger"]
    assert "models-changed" in answer.headers["hx-trigger"]
    assert file.exists()


async def test_what_a_killed_process_left_is_neither_lost_nor_shown_twice(tmp_path: Path) -> None:
    root, folder = tmp_path / "models", TrashFolder(tmp_path / "trash")
    (root / "vae").mkdir(parents=True)
    file = root / "vae/ae.safetensors"
    file.write_bytes(b"content")
    # Killed after the record was written: the file is still where it was.
    before = folder.move(TrashKind.MODEL, root, [("vae/ae.safetensors", root / "vae/missing")])
    assert (before.items, len(before.refused)) == ((), 1)
    assert folder.items() == []
    (item,) = folder.move(TrashKind.MODEL, root, [("vae/ae.safetensors", file)]).items
    # Killed while it restored, between the link and the removal of the other name.
    os.link(folder._path(item), file)
    folder.restore(item, root)
    assert file.read_bytes() == b"content"
    assert folder.items() == []


@pytest.mark.parametrize("path", ["../outside", "/etc/outside", "link/outside"])
async def test_a_forged_record_restores_nothing_outside(tmp_path: Path, path: str) -> None:
    root, folder = tmp_path / "models", TrashFolder(tmp_path / "trash")
    root.mkdir()
    (root / "link").symlink_to(tmp_path)
    (root / "a").write_bytes(b"content")
    (item,) = folder.move(TrashKind.MODEL, root, [(path, root / "a")]).items
    with pytest.raises(Conflict):
        folder.restore(item, root)
    assert not (tmp_path / "outside").exists()
    assert folder.items() == [item]


@pytest.mark.parametrize(
    "record", [b"", b"[]", b'{"kind":"model"}', b'{"kind":"x","at":"2026-01-01","paths":[]}']
)
async def test_a_damaged_record_does_not_break_the_list(tmp_path: Path, record: bytes) -> None:
    move = tmp_path / "trash" / ("0" * 18)
    move.mkdir(parents=True)
    (move / "record.json").write_bytes(record)
    (move / "0").write_bytes(b"content")
    folder = TrashFolder(tmp_path / "trash")
    folder.tidy()
    assert folder.items() == []
    assert (move / "0").exists()


async def test_old_files_expire(pod: ControlPlane) -> None:
    put(pod, "vae/old.safetensors")
    await move(pod, "vae/old.safetensors")
    trash = pod.app.registry.get(Trash)
    assert await trash.delete_expired(datetime.now(UTC) + timedelta(days=29)) == 0
    assert "vae/old.safetensors" in await trashed(pod)
    await trash.delete_expired(datetime.now(UTC) + timedelta(days=31))
    assert "vae/old.safetensors" not in await trashed(pod)
