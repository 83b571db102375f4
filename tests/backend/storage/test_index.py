"""The file index follows the disk and survives a restart."""

import asyncio
import json
import os
import shutil
from collections.abc import AsyncIterator, Callable
from functools import partial
from pathlib import Path

import pytest

from backend.core.database import open_database
from backend.storage.index import FileIndex
from backend.storage.roots import roots_of
from backend.storage.store import DirectoryStore, prepare
from backend.storage.volume import is_network_volume
from tests.support.control_plane import ControlPlane


def put(path: Path, content: bytes = b"my own") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[DirectoryStore]:
    async with open_database(tmp_path / "test.db") as database:
        await prepare(database)
        yield DirectoryStore(database, "models")


async def places(index: FileIndex) -> list[str]:
    return sorted(file.place for file in (await index.snapshot()).files)


async def listed(pod: ControlPlane) -> list[str]:
    return [model["path"] for model in (await pod.client.get("/api/storage/models")).json()]


async def until_listed(pod: ControlPlane, wanted: list[str], change: Callable[[], object]) -> None:
    """Change something on disk and wait for the event that the list has changed."""
    async with asyncio.timeout(30), pod.socket("/ws/storage") as frames:
        await frames.recv()
        change()
        while await listed(pod) != wanted:
            while json.loads(await frames.recv())["type"] != "models":
                pass


async def test_the_next_process_loads_the_index_before_it_scans(
    tmp_path: Path, store: DirectoryStore
) -> None:
    models = tmp_path / "models"
    put(models / "loras/a.safetensors")
    put(models / "clip" / os.fsdecode(b"caf\xe9") / "b.safetensors")
    put(models / "vae/b.safetensors.part")
    first = FileIndex(models, partial(roots_of, models, ()), store)
    await first.scan()
    await first.save()
    gone = put(models / "loras/new.safetensors")
    await first.scan()
    await first.save()
    usage = await first.usage()
    gone.unlink()
    second = FileIndex(models, partial(roots_of, models, ()), store)
    await second.load()
    assert await places(second) == ["loras/a.safetensors", "loras/new.safetensors"]
    assert await second.usage() == usage
    await second.scan()
    assert await places(second) == ["loras/a.safetensors"]


async def test_a_scan_finds_changes_without_an_event(tmp_path: Path, store: DirectoryStore) -> None:
    models = tmp_path / "models"
    file = put(models / "loras/a.safetensors", b"12345")
    index = FileIndex(models, partial(roots_of, models, ()), store)
    await index.scan()
    # Other content under the same name: the directory's modification time stays the same.
    file.write_bytes(b"1234567")
    os.utime(file, ns=(10**18, 10**18))
    await index.scan(full=True)
    assert (await index.snapshot()).files[0].bytes == 7
    revision = index.revision
    await index.scan(full=True)
    assert index.revision == revision
    shutil.move(models / "loras", models / "vae")
    await index.scan()
    assert await places(index) == ["vae/a.safetensors"]
    shutil.rmtree(models)
    await index.scan()
    assert await places(index) == []


async def test_a_scan_does_not_undo_an_operation_that_ends_during_it(
    tmp_path: Path, store: DirectoryStore
) -> None:
    models = tmp_path / "models"
    files = [put(models / f"loras/{number}.safetensors") for number in range(300)]
    index = FileIndex(models, partial(roots_of, models, ()), store)
    await index.scan()
    for file in files[:100]:
        scanning = asyncio.create_task(index.scan(full=True))
        await asyncio.sleep(0)
        file.unlink()
        await index.refresh(file)
        await scanning
        assert f"loras/{file.name}" not in (await index.snapshot()).by_place


async def test_changes_by_other_programs_are_noticed(pod: ControlPlane) -> None:
    a, b = pod.models / "loras/a.safetensors", pod.models / "loras/deep/er/b.safetensors"
    await until_listed(pod, ["loras/a.safetensors"], lambda: put(a))
    await until_listed(pod, ["loras/a.safetensors", "loras/deep/er/b.safetensors"], lambda: put(b))
    await until_listed(pod, ["loras/a.safetensors"], lambda: shutil.rmtree(b.parent.parent))
    await until_listed(pod, ["vae/a.safetensors"], lambda: shutil.move(a.parent, pod.models / "vae"))


async def test_a_download_is_in_the_list_as_soon_as_it_is_done(pod: ControlPlane) -> None:
    put(pod.models / "loras/a.safetensors")
    assert await listed(pod) == ["loras/a.safetensors"]
    (pod.models / "loras/a.safetensors").unlink()
    assert await listed(pod) == []


async def test_the_list_is_filtered_ordered_and_in_pages(pod: ControlPlane) -> None:
    for number in range(25):
        put(
            pod.models / f"loras/{'style' if number % 2 else 'face'}/{number:02}.safetensors",
            b"x" * (number + 1),
        )
    put(pod.models / "vae/ae.safetensors")

    async def names(query: str) -> list[str]:
        found, address = [], f"/api/storage/models?{query}"
        while address:
            answer = await pod.client.get(address)
            found += [model["filename"][:2] for model in answer.json()]
            address = answer.links.get("next", {}).get("url", "")
        return found

    style = [f"{number:02}" for number in range(1, 25, 2)]
    assert await names("folder=loras/style&limit=5") == style
    assert await names("q=STYLE&order=size&limit=3") == style[::-1]
    assert await names("folder=lora") == []
    assert len(await names("limit=7")) == 26
    tag = (await pod.client.get("/api/storage/models")).headers["etag"]
    same = await pod.client.get("/api/storage/models", headers={"If-None-Match": tag})
    assert same.status_code == 304
    put(pod.models / "vae/new.safetensors")
    changed = await pod.client.get("/api/storage/models", headers={"If-None-Match": tag})
    assert changed.status_code == 200
    assert (await pod.client.get("/api/storage/models?order=random")).status_code == 400


def test_network_volumes_are_distinguished_from_local_disks(tmp_path: Path) -> None:
    assert not is_network_volume(tmp_path)
    assert is_network_volume(Path("/proc"))
