"""How routes reach the outputs."""

import asyncio
from typing import Annotated

from fastapi import Depends

from backend.outputs.folder import OutputFile, OutputFolder
from backend.outputs.thumbnails.service import Thumbnails
from backend.web.features import provided

Folder = Annotated[OutputFolder, Depends(provided(OutputFolder))]
ThumbnailsService = Annotated[Thumbnails, Depends(provided(Thumbnails))]


async def _output(path: str, folder: Folder) -> OutputFile:
    return await asyncio.to_thread(folder.find, path)


# The file that the parameter `path` of a route names; a 404 without it.
Output = Annotated[OutputFile, Depends(_output)]
