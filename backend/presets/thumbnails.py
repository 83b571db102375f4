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
HEADER = struct.Struct("<4sI")


class Thumbnails:
    """Finds the first picture of a template, and makes a still one of it."""

    def __init__(self, workspace: Path):
        self._workspace = workspace
        self._paths: dict[str, Path] | None = None
        self._flights: SingleFlight[None, dict[str, Path]] = SingleFlight()

    async def names(self) -> frozenset[str]:
        """Return the templates that have a picture."""
        return frozenset(await self._index())

    async def find(self, template: str) -> bytes | None:
        """Return a still WebP picture of the template, if there is one."""
        path = (await self._index()).get(template)
        return await asyncio.to_thread(_read, path) if path else None

    async def _index(self) -> dict[str, Path]:
        if not self._paths:  # packages may be installed while the pod prepares
            self._paths = await self._flights.run(None, lambda: asyncio.to_thread(self._search))
        return self._paths

    def _search(self) -> dict[str, Path]:
        return {
            path.name.removesuffix("-1.webp"): path
            for folder in self._folders()
            for path in folder.glob("*-1.webp")
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
