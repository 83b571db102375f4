"""How routes get hold of the service."""

from typing import Annotated, cast

from fastapi import Depends
from starlette.requests import HTTPConnection

from backend.downloads.service import Downloads


def downloads_of(connection: HTTPConnection) -> Downloads:
    return cast(Downloads, connection.app.state.downloads)


DownloadsService = Annotated[Downloads, Depends(downloads_of)]
