"""How routes reach automatic stop."""

from typing import Annotated

from fastapi import Depends

from backend.autostop.service import Autostop
from backend.web.features import provided

AutostopService = Annotated[Autostop, Depends(provided(Autostop))]
