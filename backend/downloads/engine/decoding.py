"""Decodes the bodies of servers that compress although the request forbids it."""

import zlib
from collections.abc import AsyncIterator

from backend.sources.errors import TemporaryError

ENCODINGS = frozenset({"gzip", "x-gzip", "deflate"})
GZIP_OR_ZLIB = zlib.MAX_WBITS | 32
# Decompressed bytes per step, so that a small body that decompresses to terabytes needs no memory.
STEP_BYTES = 2**20


async def decoded(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Decompress a body that is encoded as one of `ENCODINGS`. Raise TemporaryError when it is damaged or cut off."""
    decompressor = zlib.decompressobj(GZIP_OR_ZLIB)
    try:
        async for chunk in chunks:
            rest = chunk
            while rest and not decompressor.eof:
                if content := decompressor.decompress(rest, STEP_BYTES):
                    yield content
                rest = decompressor.unconsumed_tail
    except zlib.error:
        raise TemporaryError(
            "compressed", "The server compressed the file, and it cannot be decompressed."
        ) from None
    if not decompressor.eof:
        raise TemporaryError("cut_off", "The connection ended before the file did.")
