"""A destination has one record until it is connected: what becomes of it when that is asked for again."""

from backend.core.errors import Conflict, InvalidRequest
from backend.core.names import tame_name
from backend.downloads.models import UNFINISHED, State, Transfer
from backend.sources.models import Offer


def settles(earlier: Transfer, asked: Transfer, *, installed: bool) -> bool:
    """Whether nothing is to be fetched: it is under way, here, or waits for a person's decision."""
    if earlier.state == State.QUARANTINED:
        return earlier.url == asked.url and not installed
    return earlier.state in UNFINISHED or (earlier.state == State.DONE and installed)


def brings_the_same(earlier: Transfer, asked: Transfer) -> bool:
    return earlier.url == asked.url or (earlier.sha256 is not None and earlier.sha256 == asked.sha256)


def adopt(existing: Transfer, asked: Transfer) -> Transfer:
    """The transfer that is there already, if it brings what was asked for."""
    if not brings_the_same(existing, asked):
        raise Conflict(
            f"{asked.destination} comes from {existing.url} already. Choose another name, or cancel that download.",
            code="destination_taken",
            id=existing.id,
        )
    return existing


def asked_again(stopped: Transfer, asked: Transfer) -> Transfer:
    """The record of a stopped transfer as it will be: what was asked for, with what has arrived of the same content."""
    again = asked.changed(id=stopped.id)
    if not brings_the_same(stopped, asked):
        return again
    return again.changed(
        sha256=asked.sha256 or stopped.sha256, bytes=asked.bytes or stopped.bytes, received=stopped.received
    )


def name_of(offer: Offer) -> str:
    name = tame_name(offer.path or "")
    if not name:
        raise InvalidRequest(
            "The address does not tell a file name. Give one as `filename`.", code="name_needed"
        )
    return name
