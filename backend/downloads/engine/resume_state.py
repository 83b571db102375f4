"""A file that is not complete yet: `NAME.part`, and beside it what is needed to go on with it.

The receipt lies on the same volume as the bytes, so a new pod with an empty database can resume.
ComfyUI ignores both names. Neither ever holds a token or a signed URL.
"""

import os
import socket
from contextlib import suppress
from dataclasses import asdict, dataclass
from json import JSONDecodeError, dumps, loads
from pathlib import Path
from tempfile import TemporaryFile

from backend.core.files import rename_without_clobbering, sync_folder, write_atomically
from backend.downloads.engine.byte_ranges import ByteRanges, covered, end, joined

FORMAT = 2
# While bytes arrive a receipt is written anew every other second; the rest is patience with slow file servers.
ALIVE_SECONDS = 60.0


@dataclass(frozen=True, kw_only=True)
class ResumeState:
    """What has arrived so far."""

    url: str
    # Parts that were synced to disk before this receipt was written.
    spans: ByteRanges
    # Size of the whole file.
    bytes: int | None
    sha256: str | None
    # The content's name at the hub: changes exactly when the content does.
    identity: str | None
    # The strong ETag or date of the server that sends the bytes; goes into If-Range.
    validator: str | None
    preset: str | None = None
    # The machine that writes the file, as long as it does.
    writer: str | None = None

    @property
    def received(self) -> int:
        return covered(self.spans)


class PartialFile:
    """The files that stand for an unfinished `target`. All methods block for a disk access or two."""

    def __init__(self, target: Path):
        self.target = target
        self.part = target.with_name(f"{target.name}.part")
        self.rejected = target.with_name(f"{target.name}.mismatch.part")
        self._receipt = target.with_name(f".{target.name}.receipt.part")
        self._draft = target.with_name(f".{target.name}.receipt.tmp")

    def read(self) -> ResumeState | None:
        """The receipt, if it can be read and the bytes that it speaks of are there."""
        try:
            content = loads(self._receipt.read_bytes())
            if content.pop("format") != FORMAT:
                return None
            spans = joined((int(start), int(stop)) for start, stop in content.pop("spans"))
            receipt = ResumeState(**content, spans=spans)
            return receipt if self.part.stat().st_size >= end(spans) else None
        except (
            OSError,
            JSONDecodeError,
            UnicodeDecodeError,
            ValueError,
            TypeError,
            KeyError,
            AttributeError,
        ):
            return None

    def is_written_elsewhere(self) -> bool:
        """Whether another machine, with which we share the volume, is at it this very moment."""
        receipt = self.read()
        if receipt is None or receipt.writer in (None, this_machine()):
            return False
        with suppress(OSError):
            return _now_beside(self._receipt) - self._receipt.stat().st_mtime < ALIVE_SECONDS
        return False

    def write(self, receipt: ResumeState) -> None:
        content = dumps({"format": FORMAT, **asdict(receipt)}).encode()
        write_atomically(self._receipt, content, draft=self._draft)

    def finish(self) -> None:
        """Give the complete file its name. FileExistsError when somebody else put a file there."""
        rename_without_clobbering(self.part, self.target)
        self._forget()

    def reject(self) -> None:
        """Keep the bytes under a name that nobody takes for the file."""
        self.part.replace(self.rejected)
        self._forget()
        sync_folder(self.target.parent)

    def accept(self) -> None:
        """Take rejected bytes after all. FileNotFoundError, FileExistsError."""
        rename_without_clobbering(self.rejected, self.target)

    def drop(self) -> None:
        """Forget what has arrived; what was put aside stays."""
        self.part.unlink(missing_ok=True)
        self._forget()

    def discard(self) -> None:
        self.drop()
        self.rejected.unlink(missing_ok=True)

    def _forget(self) -> None:
        for path in (self._receipt, self._draft):
            path.unlink(missing_ok=True)

    def occupied(self) -> int:
        """Bytes on disk that discarding would free."""
        return sum(_blocks(path) for path in (self.part, self.rejected))


def this_machine() -> str:
    """As a receipt names it: each container has a name of its own."""
    return socket.gethostname()


def _now_beside(path: Path) -> float:
    """The time as the file server sees it, whose clock may differ from ours."""
    with TemporaryFile(dir=path.parent) as probe:
        return os.fstat(probe.fileno()).st_mtime


def _blocks(path: Path) -> int:
    try:
        return path.stat().st_blocks * 512
    except OSError:
        return 0


def resume_states_below(models: Path) -> list[tuple[Path, ResumeState]]:
    """Every unfinished file on the volume: the path it will have, and its receipt."""
    found = []
    for path in models.rglob(".*.receipt.part"):
        target = path.with_name(path.name[1:].removesuffix(".receipt.part"))
        receipt = PartialFile(target).read()
        if receipt:
            found.append((target, receipt))
    return found


def strays_below(models: Path) -> list[Path]:
    """The paths that files would have had of which there are bytes and nothing that tells where they come from."""
    visible = (path for path in models.rglob("*.part") if not path.name.startswith("."))
    targets = {path.with_name(path.name.removesuffix(".part").removesuffix(".mismatch")) for path in visible}
    return sorted(target for target in targets if PartialFile(target).read() is None)
