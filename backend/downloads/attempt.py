"""One attempt at one file: where it goes on, and what becomes of the bytes once all of them are here.

Everything here blocks for the disk: call it in a thread.
"""

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path

from backend.downloads.models import Progress, Transfer, Verification
from backend.downloads.partial import Partial, Receipt
from backend.downloads.spans import end
from backend.sources import formats
from backend.sources.faults import LastingFault, WrongContent
from backend.sources.models import Located


@dataclass(frozen=True, kw_only=True)
class Arrived:
    """A file that is in its place now."""

    bytes: int
    sha256: str
    verification: Verification


@dataclass(frozen=True)
class Attempt:
    """What one attempt is about."""

    partial: Partial
    transfer: Transfer
    located: Located
    # The content's promised hash, if anybody promised one.
    sha256: str | None
    progress: Progress


def resume_point(attempt: Attempt) -> Receipt:
    """What an earlier attempt left, if it is the same content; else a receipt for nothing."""
    transfer, located = attempt.transfer, attempt.located
    fresh = Receipt(
        url=transfer.url,
        spans=(),
        bytes=located.bytes,
        sha256=attempt.sha256,
        identity=located.identity,
        validator=None,
        preset=transfer.preset,
    )
    earlier = attempt.partial.read()
    if earlier is None or not _is_resumable(earlier, fresh):
        return fresh
    size = earlier.bytes if fresh.bytes is None else fresh.bytes
    return replace(fresh, spans=earlier.spans, validator=earlier.validator, bytes=size)


def _is_resumable(earlier: Receipt, fresh: Receipt) -> bool:
    """The same content: by what its address calls it, or at another address (a newer commit) by its promised hash."""
    if earlier.url == fresh.url:
        same = earlier.identity == fresh.identity and bool(earlier.validator or earlier.identity)
    else:
        same = earlier.sha256 is not None and earlier.sha256 == fresh.sha256
    return same and (fresh.bytes is None or end(earlier.spans) <= fresh.bytes)


def adopt(attempt: Attempt) -> Arrived:
    """A file of the wanted name is there. Take it for ours exactly when it is what was wanted."""
    partial, located = attempt.partial, attempt.located
    found = partial.target.stat().st_size
    if found != (located.bytes or attempt.transfer.bytes):
        raise _taken(partial)
    with partial.target.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    verification = _verification(partial.target, located, attempt.sha256, digest)
    if verification == Verification.MISMATCH:
        raise _taken(partial)
    partial.discard()
    return Arrived(bytes=found, sha256=digest, verification=verification)


def settle(attempt: Attempt, digest: str) -> Arrived:
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
    attempt.progress.installed = True
    return Arrived(bytes=size, sha256=digest, verification=verification)


def _taken(partial: Partial) -> LastingFault:
    return LastingFault(
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
