"""The files of an incomplete download: `NAME.part`, and beside it what is needed to resume.

The resume state is on the same volume as the bytes, so that a new pod with an empty database can resume.
ComfyUI ignores both names. Neither contains a token or a signed URL.
"""

import os
import socket
import stat
from contextlib import suppress
from dataclasses import asdict, dataclass
from json import dumps, loads
from pathlib import Path
from tempfile import TemporaryFile

from backend.core.files import rename_without_clobbering, sync_folder, write_atomically
from backend.downloads.engine.byte_ranges import ByteRanges, end, length, merge

FORMAT = 1
# A running download writes its resume state every two seconds. The rest is tolerance for slow file servers.
ACTIVE_SECONDS = 60.0
SUFFIX = ".resume.part"


@dataclass(frozen=True, kw_only=True)
class ResumeState:
    """What has been received so far, and which content it belongs to."""

    url: str
    # Bytes that were synced to disk before this state was written.
    ranges: ByteRanges
    # Size of the whole file.
    bytes: int | None
    sha256: str | None
    # The hub's name for the content. Changes exactly when the content does.
    identity: str | None
    # The strong ETag or date of the server that sends the bytes, for If-Range.
    validator: str | None
    preset: str | None = None
    # The machine that writes the file, while it does.
    writer: str | None = None

    @property
    def received(self) -> int:
        return length(self.ranges)

    @property
    def is_identifiable(self) -> bool:
        """Return whether parts that are fetched at different times can be shown to belong to the same content."""
        return bool(self.validator or self.identity or self.sha256)


class PartialFile:
    """The files on disk of an incomplete `target`. All methods block for a disk access or two."""

    def __init__(self, target: Path):
        self.target = target
        self.part = target.with_name(f"{target.name}.part")
        self.quarantined = target.with_name(f"{target.name}.mismatch.part")
        self._state = target.with_name(f".{target.name}{SUFFIX}")
        self._draft = target.with_name(f".{target.name}.resume.tmp")

    def open(self) -> int:
        """Open `.part` for reading and writing, and return the descriptor.

        A link or a special file of that name was not made by us and must not be written through: it is replaced.
        """
        with suppress(OSError):
            descriptor = os.open(self.part, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK, 0o644)
            status = os.fstat(descriptor)
            if stat.S_ISREG(status.st_mode) and status.st_nlink == 1:
                return descriptor
            os.close(descriptor)
        self.part.unlink(missing_ok=True)
        return os.open(self.part, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o644)

    def read(self) -> ResumeState | None:
        """Return the resume state if it is valid and the bytes that it lists are on disk."""
        try:
            content = loads(self._state.read_bytes())
            if content.pop("format") != FORMAT:
                return None
            ranges = merge((int(start), int(stop)) for start, stop in content.pop("ranges"))
            state = ResumeState(**content, ranges=ranges)
            return state if self._part_bytes() >= end(ranges) else None
        except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
            return None

    def _part_bytes(self) -> int:
        status = self.part.lstat()
        if not stat.S_ISREG(status.st_mode):
            raise OSError("not a regular file")
        return status.st_size

    def is_written_elsewhere(self) -> bool:
        """Return whether another machine that shares the volume is writing this file now."""
        state = self.read()
        if state is None or state.writer in (None, this_machine()):
            return False
        with suppress(OSError):
            return file_server_time(self._state) - self._state.stat().st_mtime < ACTIVE_SECONDS
        return False

    def write(self, state: ResumeState) -> None:
        content = dumps({"format": FORMAT, **asdict(state)}).encode()
        write_atomically(self._state, content, draft=self._draft)

    def install(self) -> None:
        """Give the complete file its final name. Raise FileExistsError when that name is taken."""
        rename_without_clobbering(self.part, self.target)
        self._delete_state()

    def quarantine(self) -> None:
        """Keep the bytes under a name that nothing mistakes for the file."""
        self.part.replace(self.quarantined)
        self._delete_state()
        sync_folder(self.target.parent)

    def accept_quarantined(self) -> None:
        """Give quarantined bytes the final name. Raise FileNotFoundError or FileExistsError."""
        rename_without_clobbering(self.quarantined, self.target)

    def delete_part(self) -> None:
        """Delete what was received. A quarantined file stays."""
        self.part.unlink(missing_ok=True)
        self._delete_state()

    def delete(self) -> None:
        """Delete what was received and what is quarantined."""
        self.delete_part()
        self.quarantined.unlink(missing_ok=True)

    def delete_if_ours(self) -> None:
        """Delete everything, but not while another pod writes it."""
        if not self.is_written_elsewhere():
            self.delete()

    def _delete_state(self) -> None:
        for path in (self._state, self._draft):
            path.unlink(missing_ok=True)

    def disk_bytes(self) -> int:
        """Return how many bytes on disk deleting would free."""
        return sum(_allocated(path) for path in (self.part, self.quarantined))


def this_machine() -> str:
    """Return the name of this machine as a resume state records it. Each container has its own."""
    return socket.gethostname()


def file_server_time(beside: Path) -> float:
    """Return the time on the file server, whose clock may differ from ours."""
    with TemporaryFile(dir=beside.parent) as probe:
        return os.fstat(probe.fileno()).st_mtime


def _allocated(path: Path) -> int:
    try:
        return path.lstat().st_blocks * 512
    except OSError:
        return 0


def resume_states_below(folder: Path) -> list[tuple[Path, ResumeState]]:
    """Return every resumable download below `folder`: its target and its resume state."""
    found = []
    for path in folder.rglob(f".*{SUFFIX}"):
        target = path.with_name(path.name[1:].removesuffix(SUFFIX))
        state = PartialFile(target).read()
        if state:
            found.append((target, state))
    return found


def orphaned_parts_below(folder: Path) -> list[Path]:
    """Return the targets of all `.part` files below `folder` that have no resume state."""
    visible = (path for path in folder.rglob("*.part") if not path.name.startswith("."))
    targets = {path.with_name(path.name.removesuffix(".part").removesuffix(".mismatch")) for path in visible}
    return sorted(target for target in targets if PartialFile(target).read() is None)
