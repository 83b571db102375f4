"""JSON routes of input files: upload and download."""

from typing import Annotated, Any

from fastapi import Query, Request
from starlette.requests import ClientDisconnect

from backend.auth.principal import Scope
from backend.auth.routing import ProtectedRouter
from backend.core.errors import InvalidRequest, NotFound, OutOfSpace, RangeOutsideFile
from backend.inputs.dependencies import InputFilesService
from backend.inputs.files import media_type_of
from backend.inputs.schemas import InputFile
from backend.web.body_limit import MIB
from backend.web.errors import Responses, responses
from backend.web.file_response import RangedFile

# Like ComfyUI's own limit for uploads.
LARGEST_UPLOAD = 10_240 * MIB

router = ProtectedRouter(
    read=Scope.READ, write=Scope.RUN, max_body=LARGEST_UPLOAD, prefix="/api/inputs", tags=["inputs"]
)

CONTENT: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    }
}
RANGES: Responses = {206: {"description": "The requested range."}}


@router.post("", status_code=201, responses=responses(OutOfSpace), openapi_extra=CONTENT)
async def upload(
    name: Annotated[str, Query(min_length=1, max_length=500, description="Such as `cat.png`.")],
    request: Request,
    inputs: InputFilesService,
) -> InputFile:
    """Upload a picture, video or sound: the body is the file. The response contains the name by which nodes load it."""
    announced = request.headers.get("content-length", "")
    size = int(announced[:20]) if announced.isascii() and announced.isdecimal() else 0
    try:
        return await inputs.add(name, request.stream(), size)
    except ClientDisconnect:
        raise InvalidRequest("The client closed the connection during the upload.") from None


@router.get(
    "/{name:path}", response_class=RangedFile, responses={**responses(NotFound, RangeOutsideFile), **RANGES}
)
async def show(name: str, inputs: InputFilesService) -> RangedFile:
    """Return an input file. Supports range requests."""
    path = await inputs.find(name)
    media_type = media_type_of(path.name)
    # SVG may contain scripts.
    is_harmless = media_type.startswith(("image/", "video/", "audio/")) and "svg" not in media_type
    return RangedFile(
        path,
        media_type=media_type,
        filename=path.name,
        content_disposition_type="inline" if is_harmless else "attachment",
    )
