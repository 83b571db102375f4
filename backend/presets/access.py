"""How routes get hold of the service."""

from typing import Annotated, cast

from fastapi import Depends
from starlette.requests import HTTPConnection

from backend.presets.service import Presets


def presets_of(connection: HTTPConnection) -> Presets:
    return cast(Presets, connection.app.state.presets)


PresetsService = Annotated[Presets, Depends(presets_of)]
