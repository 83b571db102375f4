"""A file as a response."""

from http import HTTPStatus

from starlette.responses import FileResponse
from starlette.types import Message, Receive, Scope, Send

from backend.core.errors import InvalidRequest, RangeOutsideFile


class RangedFile(FileResponse):
    """Answers range requests. Starlette refuses invalid ranges in plain text; these are errors like all others."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        refused: int | None = None

        async def send_unless_refused(message: Message) -> None:
            nonlocal refused
            if message["type"] == "http.response.start" and message["status"] >= HTTPStatus.BAD_REQUEST:
                refused = message["status"]
            if refused is None:
                await send(message)

        await super().__call__(scope, receive, send_unless_refused)
        if refused == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            size = int(self.headers["content-length"])
            raise RangeOutsideFile(f"The range is not in the file, which has {size} bytes.", size=size)
        if refused:
            raise InvalidRequest("The header `Range` is malformed. Write it as `bytes=0-99`.")
