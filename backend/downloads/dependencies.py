"""How routes get hold of the service."""

from typing import Annotated, cast

from fastapi import Depends
from starlette.requests import HTTPConnection

from backend.downloads.bandwidth import Bandwidth
from backend.downloads.batches import Batches
from backend.downloads.service import Downloads


def downloads_of(connection: HTTPConnection) -> Downloads:
    return cast(Downloads, connection.app.state.downloads)


def bandwidth_of(connection: HTTPConnection) -> Bandwidth:
    return cast(Bandwidth, connection.app.state.governor)


def batches_of(connection: HTTPConnection) -> Batches:
    return cast(Batches, connection.app.state.batches)


DownloadsService = Annotated[Downloads, Depends(downloads_of)]
BandwidthService = Annotated[Bandwidth, Depends(bandwidth_of)]
BatchesService = Annotated[Batches, Depends(batches_of)]
