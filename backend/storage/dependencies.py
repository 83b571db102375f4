"""How routes get hold of the service."""

from collections.abc import Awaitable, Callable
from typing import Annotated, cast

from fastapi import Depends
from starlette.requests import HTTPConnection

from backend.storage.service import Storage


def storage_of(connection: HTTPConnection) -> Storage:
    return cast(Storage, connection.app.state.storage)


StorageService = Annotated[Storage, Depends(storage_of)]

Users = dict[str, list[str]]


async def users_of(connection: HTTPConnection) -> Users:
    """The ids of presets by the place of each file that they need. The room that knows them is above this one."""
    return await cast(Callable[[], Awaitable[Users]], connection.app.state.users_of_models)()


UsersOfModels = Annotated[Users, Depends(users_of)]
