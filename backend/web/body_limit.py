"""Limit the size of request bodies."""

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import Message, Receive, Scope

KIB, MIB = 2**10, 2**20


class ContentTooLarge(HTTPException):
    """The body is larger than allowed. An HTTPException, because FastAPI turns other exceptions of a body into a 400."""

    def __init__(self, limit: int):
        size = f"{limit // MIB} MiB" if limit >= MIB else f"{limit // KIB} KiB"
        super().__init__(413, f"The request is larger than {size}, the most that is accepted here")


def limited(scope: Scope, receive: Receive, limit: int) -> Receive:
    """Return a `receive` that raises ContentTooLarge instead of reading more than `limit` bytes.

    Starlette's own middleware replies in plain text to a body whose announced length is too large.
    """
    announced = Headers(scope=scope).get("content-length", "")
    too_long = announced.isdecimal() and int(announced[:20]) > limit
    received = 0

    async def receive_within_limit() -> Message:
        nonlocal received
        if too_long:
            raise ContentTooLarge(limit)
        message = await receive()
        received += len(message.get("body", b""))
        if received > limit:
            raise ContentTooLarge(limit)
        return message

    return receive_within_limit
