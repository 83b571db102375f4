"""How routes get the service."""

from typing import Annotated

from fastapi import Depends

from backend.inputs.files import InputFiles
from backend.web.features import provided

InputFilesService = Annotated[InputFiles, Depends(provided(InputFiles))]
