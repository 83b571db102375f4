"""How routes reach the services of storage."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends

from backend.storage.service import Storage
from backend.web.features import provided

# For the path of each file: the ids of the presets that need it.
Users = dict[str, list[str]]


@dataclass(frozen=True)
class ModelUsers:
    """Finds the presets that use a file. The presets package, which imports this one, provides it."""

    find: Callable[[], Awaitable[Users]]
    # Changes whenever `find` would return something else.
    revision: Callable[[], int]


StorageService = Annotated[Storage, Depends(provided(Storage))]
UsersOfModels = Annotated[ModelUsers, Depends(provided(ModelUsers))]
