"""Range requests of RFC 9110, sections 13 and 14."""

import re
from collections.abc import Mapping

_SINGLE = re.compile(r"bytes=(\d*)-(\d*)")


class Unsatisfiable(Exception):
    """The range is outside the file: 416."""


def wanted_range(
    headers: Mapping[str, str], size: int, etag: str, last_modified: str
) -> tuple[int, int] | None:
    """Return `(start, stop)` of the requested range, or None for the whole file.

    A list of ranges, a malformed one, and one whose If-Range does not hold are ignored, as the RFC allows or demands.
    """
    match = _SINGLE.fullmatch(headers.get("Range", "").replace(" ", ""))
    if match is None or not _condition_holds(headers.get("If-Range"), etag, last_modified):
        return None
    first, last = match.groups()
    if first:
        start, stop = int(first), int(last) + 1 if last else size
    elif last:
        start, stop = max(0, size - int(last)), size
    else:
        return None
    if start >= size or (not first and not int(last)):
        raise Unsatisfiable
    if stop <= start:
        return None
    return start, min(stop, size)


def _condition_holds(if_range: str | None, etag: str, last_modified: str) -> bool:
    return if_range is None or if_range in (etag, last_modified)
