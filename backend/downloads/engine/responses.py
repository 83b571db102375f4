"""What a server's answer to a ranged request means. Pure functions over status and headers."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

import httpx

from backend.downloads.engine.resume_state import ResumeState
from backend.sources.errors import TemporaryError
from backend.sources.transport import check_answer

CONTENT_RANGE = re.compile(r"^bytes (\d+)-(\d+)/(\d+|\*)$")
NO_RANGE = re.compile(r"^bytes \*/(\d+)$")


@dataclass(frozen=True, kw_only=True)
class RangeResponse:
    """What the first lines of an answer promise: the bytes from `start` to `stop`."""

    start: int
    # None: until the server closes the connection.
    stop: int | None
    # Size of the whole file, if the server tells.
    size: int | None
    # The server gave a part, not the whole.
    ranged: bool
    # Goes into If-Range, for another part of the same content.
    validator: str | None


class ContentChanged(TemporaryError):
    """What the server has does not go with the parts that are here. One of many servers may be wrong about that."""

    def __init__(self, size: int | None = None):
        super().__init__(
            "changed", "The server's answers do not go together. The file may have changed at its source."
        )
        # How large the server says that the file is, if it does.
        self.size = size


class Unsatisfiable(ContentChanged):
    """416: the server has no such part."""


def range_headers(start: int, stop: int, receipt: ResumeState) -> dict[str, str]:
    headers = {"Range": f"bytes={start}-{stop - 1}"}
    if receipt.validator and not receipt.sha256:
        headers["If-Range"] = receipt.validator
    return headers


def read_response(response: httpx.Response, start: int) -> RangeResponse:
    """Decide where the body belongs. Never lets a whole file be appended to a part.

    Raises `Unsatisfiable`, or a fault when the answer is an error, is compressed, or another part than asked for.
    """
    if response.status_code == 416:
        match = NO_RANGE.match(response.headers.get("content-range", ""))
        raise Unsatisfiable(int(match[1]) if match else None)
    check_answer(response)
    if response.headers.get("content-encoding", "identity") not in ("", "identity"):
        raise TemporaryError("compressed", "The server compressed the file although it was asked not to.")
    ranged = response.status_code == 206
    return _part(response.headers, start) if ranged else _whole(response.headers)


def check_promise(opening: RangeResponse, promised: int | None) -> None:
    """`promised` is the size that the hub told."""
    if promised is not None and opening.size not in (None, promised):
        raise TemporaryError(
            "wrong_length", f"The hub promised {promised} bytes, the server announces {opening.size}."
        )


def check_same_content(opening: RangeResponse, receipt: ResumeState) -> None:
    """Raise `ContentChanged` for what cannot continue the parts that are here.

    A server may ignore If-Range and send a part of another content all the same. Servers of one network disagree about
    dates and ETags: where a hash will judge the whole, nothing but the size counts.
    """
    same_size = None in (opening.size, receipt.bytes) or opening.size == receipt.bytes
    same_version = receipt.sha256 or receipt.validator in (None, opening.validator)
    if not (opening.ranged and same_size and same_version):
        raise ContentChanged(opening.size)


def _part(headers: Mapping[str, str], start: int) -> RangeResponse:
    content_range = headers.get("content-range", "")
    match = CONTENT_RANGE.match(content_range)
    if not match or int(match[1]) != start:
        raise TemporaryError(
            "wrong_range", f"The server sent another part of the file than was asked for ({content_range})."
        )
    size = None if match[3] == "*" else int(match[3])
    return RangeResponse(
        start=start, stop=int(match[2]) + 1, size=size, ranged=True, validator=_validator(headers)
    )


def _whole(headers: Mapping[str, str]) -> RangeResponse:
    length = headers.get("content-length", "")
    size = int(length) if length.isdigit() else None
    return RangeResponse(start=0, stop=size, size=size, ranged=False, validator=_validator(headers))


def _validator(headers: Mapping[str, str]) -> str | None:
    """A strong ETag, else the date. Weak ETags must not be used with ranges (RFC 9110, 13.1.5)."""
    etag = headers.get("etag", "")
    if etag.startswith('"'):
        return etag
    return headers.get("last-modified") or None
