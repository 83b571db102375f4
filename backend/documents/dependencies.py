"""How routes reach the services of workflow documents."""

from typing import Annotated

from fastapi import Depends

from backend.documents.opening import Opening
from backend.documents.runs import Runs
from backend.documents.service import Documents
from backend.web.features import provided

DocumentsService = Annotated[Documents, Depends(provided(Documents))]
OpeningService = Annotated[Opening, Depends(provided(Opening))]
RunsService = Annotated[Runs, Depends(provided(Runs))]
