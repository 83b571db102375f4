"""How routes reach the services of sources."""

from typing import Annotated

from fastapi import Depends

from backend.sources.service import Sources
from backend.web.features import provided

SourcesService = Annotated[Sources, Depends(provided(Sources))]
