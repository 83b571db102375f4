"""How routes reach the services of presets, and a workflow in the request."""

from typing import Annotated, Any

from fastapi import Depends, Query, Request
from starlette.datastructures import UploadFile

from backend.presets.requirements import Requirements
from backend.presets.service import Presets
from backend.presets.sharing import Sharing
from backend.web.features import provided

# A workflow that is pasted as text; files have the limit of the whole request.
MAX_TEXT_BYTES = 8 * 2**20


async def _presets(presets: Annotated[Presets, Depends(provided(Presets))]) -> Presets:
    await presets.catalogue.until_loaded()
    return presets


PresetsService = Annotated[Presets, Depends(_presets)]


def _requirements(
    _loaded: PresetsService, requirements: Annotated[Requirements, Depends(provided(Requirements))]
) -> Requirements:
    return requirements


def _sharing(_loaded: PresetsService, sharing: Annotated[Sharing, Depends(provided(Sharing))]) -> Sharing:
    return sharing


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

SentWorkflow = Annotated[bytes, Depends(sent_workflow)]
RequirementsService = Annotated[Requirements, Depends(_requirements)]
SharingService = Annotated[Sharing, Depends(_sharing)]
