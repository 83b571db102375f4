"""How routes get hold of the service."""

from typing import Annotated, cast

from fastapi import Depends
from starlette.requests import HTTPConnection

from backend.downloads.governor import Governor
from backend.downloads.service import Downloads


def downloads_of(connection: HTTPConnection) -> Downloads:
    return cast(Downloads, connection.app.state.downloads)


def governor_of(connection: HTTPConnection) -> Governor:
    return cast(Governor, connection.app.state.governor)


DownloadsService = Annotated[Downloads, Depends(downloads_of)]
DownloadsGovernor = Annotated[Governor, Depends(governor_of)]
