"""Decides what a request means for a destination that has a record already. Pure functions."""

from backend.core.errors import Conflict, InvalidRequest
from backend.core.names import safe_name
from backend.downloads.models import UNFINISHED, State, Transfer
from backend.sources.models import RemoteFile


def needs_no_download(existing: Transfer, requested: Transfer, *, installed: bool) -> bool:
    """Return whether the file is being downloaded, is installed, or waits for a user's decision."""
    if existing.state == State.QUARANTINED:
        return existing.url == requested.url and not installed
    return existing.state in UNFINISHED or (existing.state == State.DONE and installed)


def is_same_content(existing: Transfer, requested: Transfer) -> bool:
    return existing.url == requested.url or (
        existing.sha256 is not None and existing.sha256 == requested.sha256
    )


def reuse(existing: Transfer, requested: Transfer) -> Transfer:
    """Return the existing transfer if it has the requested content; else raise Conflict."""
    if not is_same_content(existing, requested):
        raise Conflict(
            f"{requested.destination} is already downloaded from {existing.url}. "
            "Choose another name, or cancel that download.",
            code="destination_taken",
            id=existing.id,
        )
    return existing


def merged(stopped: Transfer, requested: Transfer) -> Transfer:
    """Return the request with the id of a stopped transfer, and with what that has received of the same content."""
    again = requested.changed(id=stopped.id)
    if not is_same_content(stopped, requested):
        return again
    return again.changed(
        sha256=requested.sha256 or stopped.sha256,
        bytes=requested.bytes or stopped.bytes,
        received=stopped.received,
    )


def name_of(file: RemoteFile) -> str:
    """Return the file name that the source gives. Raise InvalidRequest when there is none."""
    name = safe_name(file.path or "")
    if not name:
        raise InvalidRequest("The URL contains no file name. Give one as `filename`.", code="name_needed")
    return name
