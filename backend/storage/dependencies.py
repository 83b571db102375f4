"""How routes reach the services of storage."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends

from backend.storage.service import Storage
from backend.web.features import provided

# Ids of presets by the path of each file that they need.
Users = dict[str, list[str]]


@dataclass(frozen=True)
class ModelUsers:
    """Finds which presets use a file. Provided by presets, a package above this one."""

    find: Callable[[], Awaitable[Users]]
    # Changes whenever `find` would return something else.
    revision: Callable[[], int]


StorageService = Annotated[Storage, Depends(provided(Storage))]
UsersOfModels = Annotated[ModelUsers, Depends(provided(ModelUsers))]
