"""Keeps the index true: other pods on the same volume add and delete documents, too."""

import asyncio

import structlog

from backend.core.errors import AppError
from backend.documents.models import Head
from backend.documents.store import DocumentIndex
from backend.documents.version_files import VersionFiles

log = structlog.get_logger(__name__)

SECONDS = 300.0
# Read and saved together.
BATCH = 200


async def follow_volume(files: VersionFiles, index: DocumentIndex) -> None:
    """Read what has changed on the volume, now and every few minutes. Runs until cancelled."""
    await asyncio.to_thread(files.remove_leftovers)
    while True:
        try:
            await refresh(files, index)
        except (AppError, OSError) as error:
            log.warning("the list of workflows cannot be refreshed", reason=str(error))
        await asyncio.sleep(SECONDS)


async def refresh(files: VersionFiles, index: DocumentIndex) -> None:
    """Add what is new on the volume to the index, and remove what is gone."""
    on_disk, indexed = await asyncio.to_thread(files.modified), await index.modified()
    await index.remove(indexed.keys() - on_disk.keys())
    changed = [key for key, modified in on_disk.items() if indexed.get(key) != modified]
    for start in range(0, len(changed), BATCH):
        heads = await asyncio.to_thread(_heads, files, changed[start : start + BATCH])
        await index.save([(head, on_disk[head.id]) for head in heads])


def _heads(files: VersionFiles, ids: list[str]) -> list[Head]:
    """Return the newest versions, as far as they can be read."""
    found = []
    for document_id in ids:
        try:
            found.append(files.head(document_id))
        except AppError as error:
            log.warning("a workflow cannot be read", workflow=document_id, reason=error.message)
    return found
