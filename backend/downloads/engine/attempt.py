"""One attempt at one file: what it can resume, and how the complete file is verified and installed.

The functions block for the disk: call them in a thread.
"""

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path

from backend.downloads.engine.byte_ranges import end
from backend.downloads.engine.models import DownloadResult, FileSpec, Progress, Verification
from backend.downloads.engine.resume_state import PartialFile, ResumeState, this_machine
from backend.sources import formats
from backend.sources.errors import PermanentError, WrongContent
from backend.sources.models import Located


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """One attempt to fetch a file from one URL."""

    spec: FileSpec
    # The URL to request: the spec's, or an alternative for the same content.
    url: str
    located: Located
    # The expected hash, if one was requested or published.
    sha256: str | None
    # What the attempt before this one left.
    previous: ResumeState | None
    progress: Progress

    @property
    def partial(self) -> PartialFile:
        return PartialFile(self.spec.target)

    @property
    def is_alternative(self) -> bool:
        """Return whether an alternative is requested. Its content must match what is on disk already."""
        return self.url != self.spec.url


def expected_sha256(
    spec: FileSpec, previous: ResumeState | None, located: Located | None = None
) -> str | None:
    """Return the hash as requested, else as the hub publishes it, else as the hub published it before."""
    before = previous.sha256 if previous and previous.url == spec.url and previous.identity else None
    if located is None or located.identity is None:
        return spec.sha256 or before
    return spec.sha256 or located.sha256


def resume_point(attempt: Attempt) -> ResumeState:
    """Return what the previous attempt left, if it is the same content; else an empty state."""
    located, previous = attempt.located, attempt.previous
    empty = ResumeState(
        url=attempt.spec.url,
        ranges=(),
        bytes=located.bytes,
        sha256=attempt.sha256,
        identity=located.identity,
        validator=None,
        preset=attempt.spec.preset,
        writer=this_machine(),
    )
    if previous is None or not _is_resumable(attempt, previous):
        return empty
    return replace(
        empty,
        ranges=previous.ranges,
        validator=previous.validator,
        bytes=empty.bytes or previous.bytes,
        identity=empty.identity or previous.identity,
    )


def _is_resumable(attempt: Attempt, previous: ResumeState) -> bool:
    """Return whether the content is the same: by its hash, whatever its URL, or by what its URL calls it."""
    same_hash = attempt.sha256 is not None and attempt.sha256 == previous.sha256
    size = attempt.located.bytes
    fits = size is None or (previous.bytes in (None, size) and end(previous.ranges) <= size)
    if same_hash and not fits and attempt.is_alternative:
        raise different_file()
    return fits and (same_hash or _is_unchanged(attempt, previous))


def _is_unchanged(attempt: Attempt, previous: ResumeState) -> bool:
    """Return whether the same URL names the same content. Where a hub names none, the validator decides later."""
    if not attempt.spec.url == attempt.url == previous.url:
        return False
    if previous.identity and attempt.located.identity:
        return previous.identity == attempt.located.identity
    return previous.validator is not None


def verify_existing(attempt: Attempt) -> DownloadResult:
    """Accept the file that has the target's name already if it is the requested one; else raise PermanentError."""
    target, located = attempt.spec.target, attempt.located
    size = target.stat().st_size
    if not _may_be_requested(attempt, size):
        raise _name_taken(target)
    with target.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    verification = _verification(target, located, attempt.sha256, digest)
    if verification == Verification.MISMATCH:
        raise _name_taken(target)
    attempt.partial.delete()
    return DownloadResult(bytes=size, sha256=digest, verification=verification)


def _may_be_requested(attempt: Attempt, size: int) -> bool:
    """Published sizes are rounded at times. Where a hash can decide, only an exact size from the hub counts."""
    if attempt.located.bytes is None and (attempt.sha256 or attempt.located.git_sha1):
        return True
    return size == (attempt.located.bytes or attempt.spec.bytes)


def verify_and_install(attempt: Attempt, digest: str) -> DownloadResult:
    """Verify the complete part file, whose SHA-256 is `digest`, and give it its final name.

    Raise WrongContent, and keep the bytes in quarantine, when it is not what was requested.
    """
    partial, target = attempt.partial, attempt.spec.target
    size = partial.part.stat().st_size
    verification = _verification(partial.part, attempt.located, attempt.sha256, digest)
    if verification == Verification.MISMATCH:
        partial.quarantine()
        raise WrongContent(
            "hash_mismatch",
            f"The content is not the expected one: its SHA-256 is {digest[:12]}…. It is quarantined and not "
            "installed. Retry to download it again, keep it anyway, or cancel to delete it.",
        )
    if problem := formats.problem_of(partial.part, target.name):
        partial.quarantine()
        raise WrongContent("not_a_model", f"{problem} It is quarantined and not installed.")
    try:
        partial.install()
    except FileExistsError:
        raise _name_taken(target) from None
    result = DownloadResult(bytes=size, sha256=digest, verification=verification)
    attempt.progress.result = result
    return result


def different_file() -> PermanentError:
    return PermanentError(
        "different_file",
        "This URL has a file of another size than the partial download. The received bytes are kept.",
    )


def _name_taken(target: Path) -> PermanentError:
    return PermanentError(
        "file_exists",
        f"{target.parent.name} contains another file called {target.name}. Nothing was overwritten. "
        "Delete it or choose another name.",
    )


def _verification(path: Path, located: Located, sha256: str | None, digest: str) -> Verification:
    """Compare the file, whose SHA-256 is `digest`, with the expected hash."""
    if sha256:
        matches = digest == sha256
    elif located.git_sha1:
        matches = _git_sha1(path) == located.git_sha1
    else:
        return Verification.UNVERIFIED
    return Verification.VERIFIED if matches else Verification.MISMATCH


def _git_sha1(path: Path) -> str:
    """Return git's hash of a file. Only small files have one, so it is read at once."""
    content = path.read_bytes()
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()
