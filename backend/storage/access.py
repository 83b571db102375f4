"""How routes get hold of the service."""

from typing import Annotated, cast

from fastapi import Depends
from starlette.requests import HTTPConnection

from backend.storage.service import Storage


def storage_of(connection: HTTPConnection) -> Storage:
    return cast(Storage, connection.app.state.storage)


StorageService = Annotated[Storage, Depends(storage_of)]
