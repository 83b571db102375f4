"""Find or render the thumbnail of an output."""

import asyncio
import hashlib
from dataclasses import dataclass
from functools import partial

import structlog

from backend.core.async_tools import SingleFlight
from backend.outputs.folder import OutputFile
from backend.outputs.kinds import Kind
from backend.outputs.thumbnails.cache import ThumbnailCache
from backend.outputs.thumbnails.process import CannotRender, Renderers, TryLater

log = structlog.get_logger(__name__)

# To be increased when all thumbnails must be rendered again.
VERSION = 1


@dataclass(frozen=True)
class Thumbnail:
    # WebP; empty when there is none.
    content: bytes
    # Changes only when the file changes.
    tag: str
    # False when another attempt may succeed, because nothing can render it yet.
    is_final: bool = True


class Thumbnails:
    def __init__(self, renderers: Renderers, cache: ThumbnailCache):
        self._renderers = renderers
        self._cache = cache
        self._flights: SingleFlight[str, Thumbnail] = SingleFlight()

    async def get(self, file: OutputFile) -> Thumbnail:
        """Return the thumbnail of a picture or a video; render it at the first request."""
        key = _key_of(file)
        if file.kind not in (Kind.IMAGE, Kind.VIDEO):
            return Thumbnail(b"", key)
        return await self._flights.run(key, partial(self._find, file, key))

    async def close(self) -> None:
        await self._flights.close()
        await self._renderers.close()

    async def _find(self, file: OutputFile, key: str) -> Thumbnail:
        content = await asyncio.to_thread(self._cache.read, key)
        if content is None:
            try:
                content = await self._renderers.render(file.real_path, file.kind)
            except TryLater:
                return Thumbnail(b"", key, is_final=False)
            except CannotRender as error:
                log.info("an output has no thumbnail", file=file.path, reason=str(error))
                content = b""
            await asyncio.to_thread(self._cache.write, key, content)
        return Thumbnail(content, key)


def _key_of(file: OutputFile) -> str:
    identity = f"{VERSION}\0{file.path}\0{file.bytes}\0{file.mtime_ns}"
    return hashlib.sha256(identity.encode(errors="surrogateescape")).hexdigest()[:32]
