"""Assets as clients handle them: upload, find by hash, name in a workflow, delete. Unused ones are deleted by themselves."""

import asyncio
import mimetypes
import re
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import structlog

from backend.comfy_api.errors import AssetInUse, BlobNotFound
from backend.comfy_api.files import FOLDER, AssetFiles, StoredFile, hash_of, name_of
from backend.comfy_api.models import KEPT_UNUSED, Asset, new_asset_id
from backend.comfy_api.store import AssetStore
from backend.comfy_api.uploads import Upload, receive
from backend.core import clock
from backend.core.errors import NotFound, OutOfSpace
from backend.core.formatting import format_bytes
from backend.jobs.service import Jobs

log = structlog.get_logger(__name__)

QUOTA_BYTES = 20_000_000_000
# Left for everything else on the volume.
RESERVE_BYTES = 1_000_000_000
TIDY_SECONDS = 3600.0
MEDIA_TYPE = re.compile(r"[\w.+-]{1,100}/[\w.+-]{1,100}")
UNKNOWN_TYPE = "application/octet-stream"


class Assets:
    def __init__(self, store: AssetStore, files: AssetFiles, jobs: Jobs, *, quota: int = QUOTA_BYTES):
        self._store = store
        self._files = files
        self._jobs = jobs
        self._quota = quota
        # One change at a time: a file that is about to be deleted must not get a new name meanwhile.
        self._lock = asyncio.Lock()

    async def run(self) -> None:
        """Take in the files of earlier pods, then delete unused ones from time to time, until cancelled."""
        await asyncio.to_thread(self._files.discard_uploads)
        await self.take_in()
        while True:
            await self.tidy()
            await asyncio.sleep(TIDY_SECONDS)

    async def get(self, asset_id: str) -> Asset:
        asset = await self._store.get(asset_id)
        if asset is None:
            raise NotFound(
                f"There is no asset {asset_id}. It may have been unused for long; upload it again."
            )
        return asset

    async def has(self, digest: str) -> bool:
        async with self._lock:
            return bool(await self._here(digest))

    async def path(self, asset: Asset) -> Path:
        """Return the file of an asset."""
        path = self._files.path(asset.name)
        if not await asyncio.to_thread(path.is_file):
            raise NotFound(f"The file of asset {asset.id} was deleted. Upload it again.")
        return path

    async def upload(
        self, content_type: str, body: AsyncIterator[bytes], announced: int
    ) -> tuple[Asset, bool]:
        """Return the asset, and whether its bytes are new here."""
        await self._make_space(announced)
        path = await asyncio.to_thread(self._files.new_upload)
        try:
            upload = await receive(content_type, body, path)
            return await self._keep(upload)
        except OSError as error:
            raise OutOfSpace(f"The upload could not be written: {error.strerror or error}.") from error
        finally:
            await asyncio.to_thread(path.unlink, missing_ok=True)

    async def add_name(self, digest: str, file_path: str) -> Asset:
        """Return an asset with this name for bytes that are here already."""
        async with self._lock:
            known = await self._here(digest)
            if not known:
                raise BlobNotFound("No asset has this hash. Upload the file.", hash=digest[:100])
            now = clock.now()
            draft = known[0].changed(id=new_asset_id(), file_path=file_path, created_at=now, used_at=now)
            return await self._saved(draft, known)

    async def use(self, asset: Asset) -> str:
        """Return the name by which nodes load the file. It is kept for some time from now."""
        await self._store.touch(asset.id, clock.now())
        return f"{FOLDER}/{asset.name}"

    async def note_uses(self, digests: Sequence[str], job_id: str) -> None:
        """Keep these files as long as the job has not ended."""
        await self._store.save_uses(digests, job_id)

    async def delete(self, asset_id: str) -> None:
        asset = await self.get(asset_id)
        async with self._lock:
            if await self._is_in_use(asset.hash):
                raise AssetInUse(f"A job that has not ended uses {asset.file_path}. Cancel it or wait.")
            await self._delete(asset)

    async def tidy(self) -> None:
        """Delete what no unfinished job uses and no client has used for long."""
        oldest_kept = clock.now() - KEPT_UNUSED
        async with self._lock:
            for asset in await self._store.least_recently_used():
                if asset.used_at >= oldest_kept:
                    return
                if not await self._is_in_use(asset.hash):
                    await self._delete(asset)

    async def take_in(self) -> None:
        """Record the files that the database does not know, as those of an earlier pod."""
        known = await self._store.names()
        found = [file for file in await asyncio.to_thread(self._files.stored) if file.name not in known]
        await self._store.save([_found(file) for file in found])

    async def _keep(self, upload: Upload) -> tuple[Asset, bool]:
        file_path = upload.fields.get("file_path") or "upload.bin"
        now = clock.now()
        async with self._lock:
            known = await self._here(upload.hash)
            name = known[0].name if known else name_of(upload.hash, file_path)
            await asyncio.to_thread(self._files.keep, upload.path, name)
            draft = Asset(
                id=new_asset_id(),
                hash=upload.hash,
                bytes=upload.bytes,
                content_type=_media_type(upload.fields.get("content_type"), file_path),
                file_path=file_path,
                name=name,
                created_at=now,
                used_at=now,
            )
            return await self._saved(draft, known), not known

    async def _saved(self, draft: Asset, known: Sequence[Asset]) -> Asset:
        """Return the asset that has this name for the same bytes already, or `draft`."""
        same = next((asset for asset in known if asset.file_path == draft.file_path), None)
        asset = same.changed(used_at=draft.used_at) if same else draft
        await self._store.save([asset])
        return asset

    async def _here(self, digest: str) -> list[Asset]:
        """Return the assets with this hash. A user may have deleted their file."""
        known = await self._store.of_hash(digest)
        if known and not await asyncio.to_thread(self._files.path(known[0].name).is_file):
            for asset in known:
                await self._store.delete(asset.id)
            return []
        return known

    async def _make_space(self, needed: int) -> None:
        """Raise OutOfSpace unless an upload of this size fits, after the least recently used assets have been deleted."""
        async with self._lock:
            missing = await self._missing(needed)
            for asset in await self._store.least_recently_used() if missing > 0 else ():
                if not await self._is_in_use(asset.hash):
                    await self._delete(asset)
                    missing = await self._missing(needed)
                if missing <= 0:
                    break
        if missing > 0:
            raise OutOfSpace(
                f"The upload needs {format_bytes(needed)}, {format_bytes(missing)} more than there is for uploads. "
                "Delete assets, or wait until the jobs that use them have ended."
            )

    async def _missing(self, needed: int) -> int:
        free = await asyncio.to_thread(self._files.free_bytes)
        total = await self._store.total_bytes()
        return needed - min(free - RESERVE_BYTES, self._quota - total)

    async def _is_in_use(self, digest: str) -> bool:
        """Return whether a job that has not ended names the file, and forget those that have ended."""
        users = await self._store.users_of(digest)
        unfinished = await self._jobs.unfinished(users)
        await self._store.delete_uses(digest, [job_id for job_id in users if job_id not in unfinished])
        return bool(unfinished)

    async def _delete(self, asset: Asset) -> None:
        await self._store.delete(asset.id)
        if not await self._store.of_hash(asset.hash):
            await asyncio.to_thread(self._files.delete, asset.name)
            log.info("deleted an uploaded asset", asset=asset.id, bytes=asset.bytes)


def _found(file: StoredFile) -> Asset:
    return Asset(
        id=new_asset_id(),
        hash=hash_of(file.name),
        bytes=file.bytes,
        content_type=_media_type(None, file.name),
        file_path=file.name,
        name=file.name,
        created_at=file.modified_at,
        used_at=file.modified_at,
    )


def _media_type(stated: str | None, file_path: str) -> str:
    guessed = mimetypes.guess_type(file_path)[0] or UNKNOWN_TYPE
    return stated if stated and MEDIA_TYPE.fullmatch(stated) else guessed
