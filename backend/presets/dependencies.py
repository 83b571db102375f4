"""How routes reach the services of presets, and read a workflow from a request."""

from typing import Annotated, Any

from fastapi import Depends, Query, Request
from starlette.datastructures import UploadFile

from backend.presets.added_workflows import AddedWorkflows
from backend.presets.listing import PresetList
from backend.presets.repairs import Repairs
from backend.presets.requirements import Requirements
from backend.presets.service import Presets
from backend.presets.sharing import Sharing
from backend.presets.thumbnails import Thumbnails
from backend.web.features import provided, registry_of

# The field with the id of a workflow that was dropped or pasted earlier.
ADDED = "added"
# Of a workflow that is pasted as text; uploaded files have the limit of the request.
MAX_TEXT_BYTES = 8 * 2**20


async def _presets(presets: Annotated[Presets, Depends(provided(Presets))]) -> Presets:
    await presets.catalogue.until_loaded()
    return presets


PresetsService = Annotated[Presets, Depends(_presets)]


def _preset_list(
    _loaded: PresetsService, presets: Annotated[PresetList, Depends(provided(PresetList))]
) -> PresetList:
    return presets


def _requirements(
    _loaded: PresetsService, requirements: Annotated[Requirements, Depends(provided(Requirements))]
) -> Requirements:
    return requirements


def _repairs(_loaded: PresetsService, repairs: Annotated[Repairs, Depends(provided(Repairs))]) -> Repairs:
    return repairs


def _sharing(_loaded: PresetsService, sharing: Annotated[Sharing, Depends(provided(Sharing))]) -> Sharing:
    return sharing


async def sent_workflow(request: Request) -> bytes:
    """Return the body, or the first file or text of a form, or the added workflow that it names."""
    if not request.headers.get("content-type", "").startswith("multipart/form-data"):
        return await request.body()
    async with request.form(max_files=1, max_fields=8, max_part_size=MAX_TEXT_BYTES) as form:
        for name, value in form.items():
            if name == ADDED:
                continue
            content = await value.read() if isinstance(value, UploadFile) else value.encode()
            if content.strip():
                return content
        added = form.get(ADDED)
    return await registry_of(request).get(AddedWorkflows).read(str(added)) if added else b""


WORKFLOW_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "description": "The workflow as ComfyUI exports it, or an image that ComfyUI saved.",
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
        description="Required when one of the files is a `.ckpt`, `.pt`, `.pth`, `.bin` or the like, because loading it can run "
        "code. Without it the request fails with `pickle_unconfirmed`, which names these files.",
    ),
]
Replace = Annotated[
    bool,
    Query(
        description="Also download files whose name a different file has, by size or hash. That one is renamed to "
        "`NAME.aside-1`. Without it, `another_file` names one when no other file is missing. Files that the user keeps stay.",
    ),
]
KeptPath = Annotated[
    str | None,
    Query(
        alias="file",
        max_length=1000,
        description="Such as `vae/ae.safetensors`. Without it, every file of the preset.",
    ),
]
FilePath = Annotated[str, Query(alias="file", max_length=1000, description="Such as `vae/ae.safetensors`.")]

ThumbnailsService = Annotated[Thumbnails, Depends(provided(Thumbnails))]
AddedWorkflowsService = Annotated[AddedWorkflows, Depends(provided(AddedWorkflows))]
SentWorkflow = Annotated[bytes, Depends(sent_workflow)]
PresetListService = Annotated[PresetList, Depends(_preset_list)]
RequirementsService = Annotated[Requirements, Depends(_requirements)]
RepairsService = Annotated[Repairs, Depends(_repairs)]
SharingService = Annotated[Sharing, Depends(_sharing)]
