"""How routes get hold of the service."""

from typing import Annotated, cast

from fastapi import Depends
from starlette.requests import HTTPConnection

from backend.downloads.batches import Batches
from backend.downloads.governor import Governor
from backend.downloads.service import Downloads


def downloads_of(connection: HTTPConnection) -> Downloads:
    return cast(Downloads, connection.app.state.downloads)


def governor_of(connection: HTTPConnection) -> Governor:
    return cast(Governor, connection.app.state.governor)


def batches_of(connection: HTTPConnection) -> Batches:
    return cast(Batches, connection.app.state.batches)


DownloadsService = Annotated[Downloads, Depends(downloads_of)]
DownloadsGovernor = Annotated[Governor, Depends(governor_of)]
BatchesService = Annotated[Batches, Depends(batches_of)]
