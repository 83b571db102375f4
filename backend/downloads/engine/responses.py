"""What a server's response to a ranged request means. Pure functions over status and headers."""

import re
from dataclasses import dataclass

import httpx

from backend.downloads.engine.decoding import ENCODINGS
from backend.downloads.engine.resume_state import ResumeState
from backend.sources.errors import TemporaryError
from backend.sources.headers import content_length
from backend.sources.responses import check_status

# Sizes of up to 18 digits: more is no size, and int() refuses very long numbers.
CONTENT_RANGE = re.compile(r"bytes (\d{1,18})-(\d{1,18})/(\d{1,18}|\*)", re.ASCII)
UNSATISFIED_RANGE = re.compile(r"bytes \*/(\d{1,18})", re.ASCII)


@dataclass(frozen=True, kw_only=True)
class RangeResponse:
    """What the status and headers of a response announce: the bytes from `start` to `stop`."""

    start: int
    # None: until the server closes the connection.
    stop: int | None
    # Size of the whole file, if the server says so.
    size: int | None
    # Whether this is a part of the file and not the whole.
    is_partial: bool
    # For If-Range in requests for other parts of the same content.
    validator: str | None
    # Whether the body must be decompressed.
    is_compressed: bool = False


class ContentChanged(TemporaryError):
    """The server's content does not match the bytes on disk. One server of many may be wrong about that."""

    def __init__(self, size: int | None = None):
        super().__init__(
            "changed",
            "The server's responses contradict each other. The file may have changed at its source.",
        )
        # The size of the file according to the server, if it says so.
        self.size = size


class UnsatisfiableRange(ContentChanged):
    """The server has no such range (416)."""


class CompressedRange(TemporaryError):
    """The server sent a range of a compressed file, which cannot be placed in the original."""

    def __init__(self) -> None:
        super().__init__("compressed", "The server compressed the file although the request forbids it.")


def range_headers(start: int, stop: int, state: ResumeState) -> dict[str, str]:
    headers = {"Range": f"bytes={start}-{stop - 1}"}
    if state.validator and not state.sha256:
        headers["If-Range"] = state.validator
    return headers


def read_response(response: httpx.Response, start: int) -> RangeResponse:
    """Return where the body belongs, so that a whole file is never appended to a part.

    Raise UnsatisfiableRange, CompressedRange, or a TransferError for an error status or a range that was not requested.
    """
    if response.status_code == 416:
        match = UNSATISFIED_RANGE.fullmatch(response.headers.get("content-range", ""))
        raise UnsatisfiableRange(int(match[1]) if match else None)
    check_status(response)
    is_compressed = _is_compressed(response.headers)
    if response.status_code != 206:
        return _whole(response.headers, is_compressed=is_compressed)
    if is_compressed:
        raise CompressedRange
    return _part(response.headers, start)


def check_size(response: RangeResponse, published: int | None) -> None:
    """Raise TemporaryError when the server announces another size than the hub published."""
    if published is not None and response.size not in (None, published):
        raise TemporaryError(
            "wrong_length",
            f"The hub published a size of {published} bytes, the server announces {response.size}.",
        )


def check_same_content(response: RangeResponse, state: ResumeState) -> None:
    """Raise ContentChanged when the response cannot continue the bytes on disk.

    A server may ignore If-Range and send a part of other content. Servers of one network disagree about dates and
    ETags: where a hash will verify the whole file, only the size counts.
    """
    same_size = None in (response.size, state.bytes) or response.size == state.bytes
    same_version = state.sha256 or state.validator in (None, response.validator)
    if not (response.is_partial and same_size and same_version):
        raise ContentChanged(response.size)


def _is_compressed(headers: httpx.Headers) -> bool:
    encoding = headers.get("content-encoding", "").strip().lower()
    if encoding in ("", "identity"):
        return False
    if encoding in ENCODINGS:
        return True
    raise TemporaryError(
        "compressed", f"The server compressed the file with {encoding[:40]}, which is not supported."
    )


def _part(headers: httpx.Headers, start: int) -> RangeResponse:
    content_range = headers.get("content-range", "")
    match = CONTENT_RANGE.fullmatch(content_range)
    if not match or int(match[1]) != start or int(match[2]) < start:
        raise TemporaryError(
            "wrong_range", f"The server sent another part of the file than requested ({content_range[:100]})."
        )
    size = None if match[3] == "*" else int(match[3])
    return RangeResponse(
        start=start, stop=int(match[2]) + 1, size=size, is_partial=True, validator=_validator(headers)
    )


def _whole(headers: httpx.Headers, *, is_compressed: bool) -> RangeResponse:
    """The length and the validator of a compressed body say nothing about the file."""
    size = None if is_compressed else content_length(headers)
    return RangeResponse(
        start=0,
        stop=size,
        size=size,
        is_partial=False,
        validator=None if is_compressed else _validator(headers),
        is_compressed=is_compressed,
    )


def _validator(headers: httpx.Headers) -> str | None:
    """Return a strong ETag, else the date. Weak ETags must not be used with ranges (RFC 9110, 13.1.5)."""
    etag: str = headers.get("etag", "")
    if etag.startswith('"'):
        return etag
    date: str = headers.get("last-modified", "")
    return date or None
