"""How routes get hold of the service."""

from typing import Annotated, cast

from fastapi import Depends
from starlette.requests import HTTPConnection

from backend.sources.service import Sources


def sources_of(connection: HTTPConnection) -> Sources:
    return cast(Sources, connection.app.state.sources)


SourcesService = Annotated[Sources, Depends(sources_of)]
