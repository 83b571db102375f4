"""One attempt at one file: where it goes on, and what becomes of the bytes once all of them are here.

Everything here blocks for the disk: call it in a thread.
"""

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path

from backend.downloads.engine.byte_ranges import end
from backend.downloads.engine.resume_state import PartialFile, ResumeState, this_machine
from backend.downloads.models import DownloadResult, Progress, Transfer, Verification
from backend.sources import formats
from backend.sources.errors import PermanentError, WrongContent
from backend.sources.models import Located


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """What one attempt is about."""

    partial: PartialFile
    transfer: Transfer
    # Which of the transfer's addresses is asked.
    address: str
    located: Located
    # The content's promised hash, if anybody promised one.
    sha256: str | None
    # What an attempt before this one left.
    earlier: ResumeState | None
    progress: Progress

    @property
    def is_elsewhere(self) -> bool:
        """An alternative is asked: what it has counts only as far as it goes with what is here."""
        return self.address != self.transfer.url


def promise(transfer: Transfer, earlier: ResumeState | None, located: Located | None = None) -> str | None:
    """The content's hash: as whoever asked promised it, else as the hub tells it, else as the hub told it before."""
    before = earlier.sha256 if earlier and earlier.url == transfer.url and earlier.identity else None
    if located is None or located.identity is None:
        return transfer.sha256 or before
    return transfer.sha256 or located.sha256


def resume_point(attempt: Attempt) -> ResumeState:
    """What an earlier attempt left, if it is the same content; else a receipt for nothing."""
    located, earlier = attempt.located, attempt.earlier
    fresh = ResumeState(
        url=attempt.transfer.url,
        spans=(),
        bytes=located.bytes,
        sha256=attempt.sha256,
        identity=located.identity,
        validator=None,
        preset=attempt.transfer.preset,
        writer=this_machine(),
    )
    if earlier is None or not _is_resumable(attempt, earlier):
        return fresh
    return replace(
        fresh,
        spans=earlier.spans,
        validator=earlier.validator,
        bytes=fresh.bytes or earlier.bytes,
        identity=fresh.identity or earlier.identity,
    )


def _is_resumable(attempt: Attempt, earlier: ResumeState) -> bool:
    """The same content: by its promised hash, wherever it comes from, or by what its address calls it."""
    by_hash = attempt.sha256 is not None and attempt.sha256 == earlier.sha256
    size = attempt.located.bytes
    fits = size is None or (earlier.bytes in (None, size) and end(earlier.spans) <= size)
    if by_hash and not fits and attempt.is_elsewhere:
        raise another_file()
    return fits and (by_hash or _is_unchanged(attempt, earlier))


def _is_unchanged(attempt: Attempt, earlier: ResumeState) -> bool:
    """The same address, and its hub calls the content the same. Where it names none, the validator will tell."""
    if not attempt.transfer.url == attempt.address == earlier.url:
        return False
    if earlier.identity and attempt.located.identity:
        return earlier.identity == attempt.located.identity
    return earlier.validator is not None


def adopt(attempt: Attempt) -> DownloadResult:
    """A file of the wanted name is there. Take it for ours exactly when it is what was wanted."""
    partial, located = attempt.partial, attempt.located
    found = partial.target.stat().st_size
    if not _may_be(attempt, found):
        raise _taken(partial)
    with partial.target.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    verification = _verification(partial.target, located, attempt.sha256, digest)
    if verification == Verification.MISMATCH:
        raise _taken(partial)
    partial.discard()
    return DownloadResult(bytes=found, sha256=digest, verification=verification)


def _may_be(attempt: Attempt, found: int) -> bool:
    """Whether a file of `found` bytes can be the one. Sizes that others told are rounded at times: a hash knows better."""
    located = attempt.located
    if located.bytes is None and (attempt.sha256 or located.git_sha1):
        return True
    return found == (located.bytes or attempt.transfer.bytes)


def settle(attempt: Attempt, digest: str) -> DownloadResult:
    """Verify the content and give it its name."""
    partial = attempt.partial
    size = partial.part.stat().st_size
    verification = _verify(attempt, digest)
    problem = formats.problem_of(partial.part, partial.target.name)
    if problem:
        partial.reject()
        raise WrongContent("not_a_model", f"{problem} It was put aside and not installed.")
    try:
        partial.finish()
    except FileExistsError:
        raise _taken(partial) from None
    attempt.progress.arrived = DownloadResult(bytes=size, sha256=digest, verification=verification)
    return attempt.progress.arrived


def another_file() -> PermanentError:
    return PermanentError(
        "another_file",
        "This address has a file of another size than the one that began to arrive. What has arrived is kept.",
    )


def _taken(partial: PartialFile) -> PermanentError:
    return PermanentError(
        "file_exists",
        f"Another file called {partial.target.name} is in {partial.target.parent.name} by now. "
        "Nothing was overwritten. Delete it or choose another name.",
    )


def _verify(attempt: Attempt, digest: str) -> Verification:
    verification = _verification(attempt.partial.part, attempt.located, attempt.sha256, digest)
    if verification != Verification.MISMATCH:
        return verification
    attempt.partial.reject()
    raise WrongContent(
        "hash_mismatch",
        f"The content is not the promised one: its SHA-256 is {digest[:12]}…. It was put aside and not installed. "
        "Retry to fetch it again, keep it all the same, or cancel to delete it.",
    )


def _verification(path: Path, located: Located, sha256: str | None, digest: str) -> Verification:
    """What the published hash says about the file, whose sha256 is `digest`."""
    if sha256:
        matches = digest == sha256
    elif located.git_sha1:
        matches = _git_sha1(path) == located.git_sha1
    else:
        return Verification.UNVERIFIED
    return Verification.VERIFIED if matches else Verification.MISMATCH


def _git_sha1(path: Path) -> str:
    """Only small files have one, so it is read whole."""
    content = path.read_bytes()
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()
