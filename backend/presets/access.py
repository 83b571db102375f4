"""How routes get hold of the service."""

from typing import Annotated, cast

from fastapi import Depends
from starlette.requests import HTTPConnection

from backend.presets.service import Presets


async def presets_of(connection: HTTPConnection) -> Presets:
    presets = cast(Presets, connection.app.state.presets)
    await presets.until_loaded()
    return presets


PresetsService = Annotated[Presets, Depends(presets_of)]
