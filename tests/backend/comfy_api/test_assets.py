"""Uploaded assets: how long they are kept, how much they may take, and what a new pod makes of them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from backend.comfy_api import assets as assets_module
from backend.comfy_api.assets import Assets
from backend.comfy_api.errors import AssetInUse
from backend.comfy_api.files import AssetFiles
from backend.comfy_api.models import KEPT_UNUSED, Asset
from backend.comfy_api.store import AssetStore
from backend.core import clock
from backend.core.database import open_database
from backend.core.errors import NotFound, OutOfSpace
from tests.backend.jobs.queue import Queue
from tests.backend.jobs.test_survival import pod

QUOTA = 1000


class Uploads:
    """Assets below one folder of inputs, beside a queue whose jobs use them."""

    def __init__(self, assets: Assets, store: AssetStore, queue: Queue, folder: Path):
        self.assets = assets
        self.queue = queue
        self._store = store
        self._folder = folder

    async def upload(self, content: bytes, name: str = "cat.png") -> Asset:
        form = (
            f'--b\r\nContent-Disposition: form-data; name="file_path"\r\n\r\n{name}\r\n'
            '--b\r\nContent-Disposition: form-data; name="file"; filename="x"\r\n\r\n'
        ).encode()

        async def body() -> AsyncIterator[bytes]:
            for byte in form + content + b"\r\n--b--\r\n":
                yield bytes([byte])

        asset, _ = await self.assets.upload("multipart/form-data; boundary=b", body(), len(content))
        return asset

    async def grow_old(self, asset: Asset) -> None:
        """Let the asset be unused for long."""
        await self._store.touch(asset.id, clock.now() - KEPT_UNUSED - timedelta(minutes=1))

    def files(self) -> list[bytes]:
        return sorted(path.read_bytes() for path in self._folder.rglob("*") if path.is_file())


@asynccontextmanager
async def running_assets(tmp_path: Path, database: str = "assets.db") -> AsyncIterator[Uploads]:
    async with pod(tmp_path, tmp_path / "jobs.db") as queue, open_database(tmp_path / database) as own:
        store = AssetStore(own)
        await store.prepare()
        assets = Assets(store, AssetFiles(tmp_path / "input"), queue.jobs, quota=QUOTA)
        yield Uploads(assets, store, queue, tmp_path / "input")


@pytest.fixture
async def uploads(tmp_path: Path) -> AsyncIterator[Uploads]:
    async with running_assets(tmp_path) as uploads:
        yield uploads


async def test_an_unused_asset_is_deleted_after_a_while(uploads: Uploads) -> None:
    old, new = await uploads.upload(b"old"), await uploads.upload(b"new")
    await uploads.grow_old(old)
    await uploads.assets.tidy()
    assert uploads.files() == [b"new"]
    with pytest.raises(NotFound):
        await uploads.assets.get(old.id)
    assert (await uploads.assets.get(new.id)).hash == new.hash


async def test_what_an_unfinished_job_uses_is_kept_however_old(uploads: Uploads) -> None:
    asset = await uploads.upload(b"input")
    job = await uploads.queue.submit()
    await uploads.assets.note_uses([asset.hash], job.id)
    await uploads.grow_old(asset)
    await uploads.assets.tidy()
    with pytest.raises(AssetInUse):
        await uploads.assets.delete(asset.id)
    assert uploads.files() == [b"input"]
    await uploads.queue.jobs.cancel(job.id)
    await uploads.assets.tidy()
    assert uploads.files() == []


async def test_a_file_is_deleted_with_the_last_of_its_names(uploads: Uploads) -> None:
    one = await uploads.upload(b"same", "one.png")
    other = await uploads.upload(b"same", "other.png")
    assert (await uploads.upload(b"same", "one.png")).id == one.id
    await uploads.assets.delete(one.id)
    assert uploads.files() == [b"same"]
    await uploads.assets.delete(other.id)
    assert uploads.files() == []


async def test_a_full_quota_is_freed_of_what_was_used_least_recently(uploads: Uploads) -> None:
    first, second = await uploads.upload(b"1" * 400), await uploads.upload(b"2" * 400)
    await uploads.assets.use(first)
    await uploads.upload(b"3" * 400)
    assert uploads.files() == [b"1" * 400, b"3" * 400]
    job = await uploads.queue.submit()
    await uploads.assets.note_uses([first.hash], job.id)
    with pytest.raises(OutOfSpace, match="Delete assets"):
        await uploads.upload(b"4" * 900)
    with pytest.raises(NotFound):
        await uploads.assets.get(second.id)


async def test_a_full_disk_is_said_before_the_upload(
    uploads: Uploads, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(assets_module, "RESERVE_BYTES", 10**18)
    with pytest.raises(OutOfSpace):
        await uploads.upload(b"x")
    assert uploads.files() == []


async def test_a_new_database_finds_the_files_of_the_old_one(tmp_path: Path) -> None:
    async with running_assets(tmp_path) as before:
        asset = await before.upload(b"kept")
    async with running_assets(tmp_path, "new.db") as after:
        await after.assets.take_in()
        assert await after.assets.has(asset.hash)
        again = await after.assets.add_name(asset.hash, "cat.png")
        assert (await after.assets.path(again)).read_bytes() == b"kept"


async def test_a_file_that_a_user_has_deleted_is_to_be_uploaded_again(uploads: Uploads) -> None:
    asset = await uploads.upload(b"gone")
    (await uploads.assets.path(asset)).unlink()
    assert not await uploads.assets.has(asset.hash)
    assert (await uploads.upload(b"gone")).hash == asset.hash
    assert uploads.files() == [b"gone"]
