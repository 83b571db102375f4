"""How routes get the services of outputs."""

import asyncio
from datetime import date
from typing import Annotated

from fastapi import Depends, Query
from pydantic import BaseModel, BeforeValidator, Field

from backend.outputs.folder import OutputFile, OutputFolder
from backend.outputs.kinds import Kind
from backend.outputs.models import Filters
from backend.outputs.runs import OutputRuns
from backend.outputs.service import Outputs
from backend.outputs.thumbnails.service import Thumbnails
from backend.web.features import provided

Folder = Annotated[OutputFolder, Depends(provided(OutputFolder))]
ThumbnailsService = Annotated[Thumbnails, Depends(provided(Thumbnails))]
OutputsService = Annotated[Outputs, Depends(provided(Outputs))]
RunsService = Annotated[OutputRuns, Depends(provided(OutputRuns))]


async def _output(path: str, folder: Folder) -> OutputFile:
    return await asyncio.to_thread(folder.find, path)


# The file that the route's parameter `path` names; 404 when it does not exist.
Output = Annotated[OutputFile, Depends(_output)]


def _absent(value: object) -> object:
    """Return None for an empty text, which forms send for a field without a choice."""
    return value or None


class FilterQuery(BaseModel):
    q: str = Field(default="", max_length=200, description="Part of the path or of the prompt.")
    kind: Annotated[Kind | None, BeforeValidator(_absent)] = None
    workflow: str = Field(default="", max_length=200, description="Name of the template.")
    model: str = Field(default="", max_length=255, description="File name of a model.")
    job: str = Field(default="", max_length=64, description="Id of a job.")
    batch: str = Field(default="", max_length=64, description="Id of a batch.")
    since: Annotated[date | None, BeforeValidator(_absent)] = Field(
        default=None, description="The first day."
    )
    until: Annotated[date | None, BeforeValidator(_absent)] = Field(default=None, description="The last day.")


def _filters(query: Annotated[FilterQuery, Query()]) -> Filters:
    return Filters(**{**dict(query), "q": query.q.strip()})


FiltersOf = Annotated[Filters, Depends(_filters)]
