"""How routes get the service."""

from typing import Annotated

from fastapi import Depends

from backend.sync.service import Sync
from backend.web.features import provided

SyncService = Annotated[Sync, Depends(provided(Sync))]
