"""The content of files on the hub: reproducible bytes that can be read at any offset."""

import hashlib
import mmap
import random
from abc import ABC, abstractmethod
from collections.abc import Iterator
from functools import cached_property, lru_cache
from pathlib import Path

BLOCK = 1 << 20
NUMBER = 8  # bytes at the beginning of a block that contain its number


class Content(ABC):
    """Bytes of a known size. They are never all in memory, so a file may be larger than memory or disk."""

    size: int

    @abstractmethod
    def read(self, offset: int, length: int) -> bytes:
        """Return the bytes from `offset`, fewer than `length` only at the end."""

    def view(self, offset: int, length: int) -> memoryview:
        """Return the same bytes, without a copy where possible, for speed."""
        return memoryview(self.read(offset, length))

    @property
    @abstractmethod
    def tag(self) -> str:
        """Return a strong validator without hashing the content."""

    def blocks(self) -> Iterator[bytes]:
        for offset in range(0, self.size, BLOCK):
            yield self.read(offset, BLOCK)

    @cached_property
    def sha256(self) -> str:
        digest = hashlib.sha256()
        for block in self.blocks():
            digest.update(block)
        return digest.hexdigest()

    @cached_property
    def git_oid(self) -> str:
        """Return git's blob id of the content, the hub's ETag for small files."""
        digest = hashlib.sha1(b"blob %d\0" % self.size)
        for block in self.blocks():
            digest.update(block)
        return digest.hexdigest()


class Synthetic(Content):
    """`size` bytes that depend only on `seed`. `head` replaces the first bytes, for files with a real header."""

    def __init__(self, size: int, seed: int = 0, head: bytes = b"") -> None:
        if len(head) > size:
            raise ValueError(f"the head has {len(head)} bytes, the file only {size}")
        self.size = size
        self.seed = seed
        self._head = head

    @property
    def tag(self) -> str:
        return f"{self.size:x}-{self.seed:x}-{hashlib.sha256(self._head).hexdigest()[:8]}"

    def read(self, offset: int, length: int) -> bytes:
        stop = min(offset + length, self.size)
        head = self._head[offset:stop]
        return head + b"".join(self._generate(offset + len(head), stop))

    def view(self, offset: int, length: int) -> memoryview:
        within, stop = offset % BLOCK, min(offset + length, self.size)
        if offset < len(self._head) or within < NUMBER or within + stop - offset > BLOCK:
            return super().view(offset, length)
        return memoryview(_noise(self.seed))[within : within + stop - offset]

    def _generate(self, start: int, stop: int) -> Iterator[bytes]:
        """Yield noise in blocks that begin with their number, so that all blocks of a file differ."""
        noise = _noise(self.seed)
        while start < stop:
            number, within = divmod(start, BLOCK)
            end = min(BLOCK, within + stop - start)
            if within < NUMBER:
                yield number.to_bytes(NUMBER, "big")[within:end]
            yield noise[max(within, NUMBER) : end]
            start += end - within


class Enormous(Synthetic):
    """A petabyte, too large to be hashed."""

    def __init__(self) -> None:
        super().__init__(10**15)
        self.sha256 = "e" * 64


class OnDisk(Content):
    """A file on this machine, as it was when it was added."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.size = path.stat().st_size

    @property
    def tag(self) -> str:
        return f"{self.size:x}-{self._path.stat().st_mtime_ns:x}"

    def read(self, offset: int, length: int) -> bytes:
        return bytes(self.view(offset, length))

    def view(self, offset: int, length: int) -> memoryview:
        return self._mapped[offset : offset + length]

    @cached_property
    def _mapped(self) -> memoryview:
        if self.size == 0:
            return memoryview(b"")
        with self._path.open("rb") as file:
            return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))


class Spoiled(Content):
    """Another content with one byte inverted: correct size, wrong hash."""

    def __init__(self, original: Content, at: int) -> None:
        self.size = original.size
        self._original = original
        self._at = at % original.size

    @property
    def tag(self) -> str:
        return self._original.tag

    def read(self, offset: int, length: int) -> bytes:
        data = bytearray(self._original.read(offset, length))
        if 0 <= self._at - offset < len(data):
            data[self._at - offset] ^= 0xFF
        return bytes(data)


def literal(data: bytes) -> Content:
    return Synthetic(len(data), head=data)


@lru_cache(maxsize=8)
def _noise(seed: int) -> bytes:
    return random.Random(seed).randbytes(BLOCK)
