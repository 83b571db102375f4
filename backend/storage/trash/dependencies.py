"""How routes get the service."""

from typing import Annotated

from fastapi import Depends

from backend.storage.trash.service import Trash
from backend.web.features import provided

TrashService = Annotated[Trash, Depends(provided(Trash))]
