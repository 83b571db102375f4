"""Pictures of ComfyUI's templates, from the packages that ComfyUI installs in its own environment. Optional."""

import asyncio
import struct
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

from backend.core.async_tools import SingleFlight

PACKAGES = "comfyui_workflow_templates_media_*"
# The largest of these pictures has 8 MB.
MAX_BYTES = 32 * 2**20
FIRST, SECOND = 1, 2
# Paths by template and number.
Pictures = dict[tuple[str, int], Path]
HEADER = struct.Struct("<4sI")


class Thumbnails:
    """Finds the pictures of templates, and makes still ones of them. Some have two, such as before and after."""

    def __init__(self, workspace: Path):
        self._workspace = workspace
        self._paths: Pictures | None = None
        self._flights: SingleFlight[None, Pictures] = SingleFlight()

    async def names(self) -> frozenset[str]:
        """Return the templates that have a picture."""
        return frozenset(name for name, number in await self._index() if number == FIRST)

    async def pairs(self) -> frozenset[str]:
        """Return the templates that have two pictures to compare."""
        return (
            frozenset(name for name, number in await self._index() if number == SECOND) & await self.names()
        )

    async def find(self, template: str, number: int = FIRST) -> bytes | None:
        """Return a still WebP picture of the template, if there is one."""
        path = (await self._index()).get((template, number))
        return await asyncio.to_thread(_read, path) if path else None

    async def _index(self) -> Pictures:
        if not self._paths:  # packages may be installed while the pod prepares
            self._paths = await self._flights.run(None, lambda: asyncio.to_thread(self._search))
        return self._paths

    def _search(self) -> Pictures:
        return {
            (path.name.removesuffix(f"-{number}.webp"), number): path
            for folder in self._folders()
            for number in (FIRST, SECOND)
            for path in folder.glob(f"*-{number}.webp")
        }

    def _folders(self) -> Iterator[Path]:
        for libraries in self._workspace.glob("venv/lib/python3*/site-packages"):
            yield from libraries.glob(f"{PACKAGES}/templates")
        for kind in ("image", "video", "other"):
            spec = find_spec(PACKAGES.replace("*", kind))
            for location in (spec.submodule_search_locations or ()) if spec else ():
                yield Path(location) / "templates"


def _read(path: Path) -> bytes | None:
    try:
        content = path.read_bytes() if path.stat().st_size <= MAX_BYTES else b""
    except OSError:
        return None
    return still(content) or None


def still(webp: bytes) -> bytes:
    """Return the first frame of an animated WebP picture as a picture of its own; any other picture as it is.

    An animation holds each frame as the chunks that a still picture consists of, so nothing has to be decoded.
    """
    if webp[:4] != b"RIFF" or webp[8:12] != b"WEBP":
        return b""
    for name, content in _chunks(webp[12:]):
        if name == b"ANMF" and len(content) > 16:
            return _picture(content)
    return webp


def _picture(frame: bytes) -> bytes:
    size = frame[6:12]  # width - 1 and height - 1, three bytes each
    chunks = [(name, content) for name, content in _chunks(frame[16:]) if name in (b"ALPH", b"VP8 ", b"VP8L")]
    if any(name == b"ALPH" for name, _ in chunks):
        chunks.insert(0, (b"VP8X", b"\x10\0\0\0" + size))
    body = b"WEBP" + b"".join(_chunk(name, content) for name, content in chunks)
    return HEADER.pack(b"RIFF", len(body)) + body


def _chunk(name: bytes, content: bytes) -> bytes:
    return HEADER.pack(name, len(content)) + content + b"\0" * (len(content) % 2)


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    position = 0
    while position + HEADER.size <= len(data):
        name, length = HEADER.unpack_from(data, position)
        start = position + HEADER.size
        yield name, data[start : start + length]
        position = start + length + length % 2
