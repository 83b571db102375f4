"""How routes reach the services of storage."""

from collections.abc import Awaitable, Callable, Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, TypeAlias

from fastapi import Depends

from backend.storage.listing import Details
from backend.storage.models import ModelFile, ModelUse
from backend.storage.service import Storage
from backend.web.features import provided

# For the path of each file: the presets that need it.
Users: TypeAlias = Mapping[str, list[ModelUse]]


@dataclass(frozen=True)
class ModelUsers:
    """Finds the presets that use files. The presets package, which imports this one, provides it."""

    # For paths such as `vae/ae.safetensors`.
    find: Callable[[Collection[str]], Awaitable[Users]]
    # Changes whenever `find` would return something else.
    revision: Callable[[], Hashable]


async def details_of(files: Sequence[ModelFile], storage: Storage, users: ModelUsers) -> Details:
    """Return what is known about the files of a page."""
    return Details(
        hashes=await storage.known_hashes(files),
        uses=await users.find({file.place for file in files}),
        kept=storage.kept_among({file.place: file for file in files}),
    )


StorageService = Annotated[Storage, Depends(provided(Storage))]
UsersOfModels = Annotated[ModelUsers, Depends(provided(ModelUsers))]
