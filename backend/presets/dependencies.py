"""How routes get hold of the services, and of a workflow that somebody sends."""

from typing import Annotated, Any, cast

from fastapi import Depends, Query, Request
from starlette.datastructures import UploadFile
from starlette.requests import HTTPConnection

from backend.presets.requirements import Requirements
from backend.presets.service import Presets
from backend.presets.sharing import Sharing

# A workflow that is pasted as text; files have the limit of the whole request.
MAX_TEXT_BYTES = 8 * 2**20


async def presets_of(connection: HTTPConnection) -> Presets:
    presets = cast(Presets, connection.app.state.presets)
    await presets.catalogue.until_loaded()
    return presets


async def needs_of(connection: HTTPConnection) -> Requirements:
    await presets_of(connection)
    return cast(Requirements, connection.app.state.needs)


async def sharing_of(connection: HTTPConnection) -> Sharing:
    await presets_of(connection)
    return cast(Sharing, connection.app.state.sharing)


async def sent_workflow(request: Request) -> bytes:
    """The body, or the first file or text of a form."""
    if not request.headers.get("content-type", "").startswith("multipart/form-data"):
        return await request.body()
    async with request.form(max_files=1, max_fields=8, max_part_size=MAX_TEXT_BYTES) as form:
        for value in form.values():
            content = await value.read() if isinstance(value, UploadFile) else value.encode()
            if content.strip():
                return content
    return b""


WORKFLOW_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "description": "The workflow as ComfyUI exports it, or a PNG or WebP picture that ComfyUI saved.",
        "content": {
            "application/json": {"schema": {"type": "object"}},
            "application/octet-stream": {"schema": {"type": "string", "format": "binary"}},
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "properties": {"workflow": {"type": "string", "format": "binary"}},
                }
            },
        },
    }
}

PRESET_BODY: dict[str, Any] = {
    "requestBody": {
        "description": "A definition in YAML or JSON, as `/api/presets/export` gives it.",
        "content": {"application/yaml": {"schema": {"type": "string"}}},
    }
}

AllowPickle = Annotated[
    bool,
    Query(
        description="Needed when one of the files is a `.ckpt`, `.pt`, `.pth`, `.bin` or the like: loading it can run "
        "code that is in it. Without, nothing is started and `pickle_unconfirmed` names them all.",
    ),
]
Replace = Annotated[
    bool,
    Query(
        description="Also fetch files whose name another file has: of another size, or with another hash. That one is put "
        "aside as `NAME.aside-1`. Without, `another_file` names one when there is nothing else to fetch.",
    ),
]
NeedsService = Annotated[Requirements, Depends(needs_of)]
SentWorkflow = Annotated[bytes, Depends(sent_workflow)]
PresetsService = Annotated[Presets, Depends(presets_of)]
SharingService = Annotated[Sharing, Depends(sharing_of)]
