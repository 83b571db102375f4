"""How routes reach the service of templates."""

from typing import Annotated

from fastapi import Depends

from backend.templates.service import Templates
from backend.web.features import provided

TemplatesService = Annotated[Templates, Depends(provided(Templates))]
