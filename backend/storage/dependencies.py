"""How routes reach the services of storage."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, TypeAlias

from fastapi import Depends

from backend.core.async_tools import SingleFlight
from backend.storage.classification import Classification, classify
from backend.storage.listing import Details
from backend.storage.models import ModelFile, ModelUse
from backend.storage.service import Storage
from backend.storage.verification import Verifications
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


class Classifier:
    """Classifies all files once for each state of files, hashes and presets, however many pages are requested."""

    def __init__(self) -> None:
        self._known: tuple[Hashable, Classification] | None = None
        self._flights: SingleFlight[Hashable, Classification] = SingleFlight()

    async def classification(self, storage: Storage, users: ModelUsers) -> Classification:
        snapshot = await storage.snapshot()
        revision = (storage.revision, users.revision())
        if self._known and self._known[0] == revision:
            return self._known[1]

        async def work() -> Classification:
            details = await details_of(snapshot.files, storage, users)
            return await asyncio.to_thread(classify, snapshot, details)

        found = await self._flights.run(revision, work)
        self._known = (revision, found)
        return found


StorageService = Annotated[Storage, Depends(provided(Storage))]
ClassifierService = Annotated[Classifier, Depends(provided(Classifier))]
VerificationsService = Annotated[Verifications, Depends(provided(Verifications))]
UsersOfModels = Annotated[ModelUsers, Depends(provided(ModelUsers))]
