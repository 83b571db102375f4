"""HTML routes that export, import and remove presets."""

from typing import Annotated, Any

from fastapi import Query, Request, Response
from pydantic import ValidationError
from starlette.datastructures import UploadFile

from backend.auth.principal import Scope
from backend.auth.routing import UPLOAD_BODY, ProtectedRouter
from backend.core.errors import InvalidRequest
from backend.presets.definitions import MAX_BYTES
from backend.presets.dependencies import SharingService
from backend.presets.models import Preset
from backend.presets.schemas import ExportRequest
from backend.presets.sharing import Sharing
from backend.storage.dependencies import StorageService
from backend.web.htmx import PageRoute
from backend.web.templating import renderer_of

router = ProtectedRouter(
    read=Scope.READ, write=Scope.RUN, max_body=UPLOAD_BODY, include_in_schema=False, route_class=PageRoute
)

# How long one request of an export hashes files: the page shows progress and repeats it.
HASHING_SECONDS = 1
MOST_FILES = 20_000


@router.get("/presets/export")
async def show_files(request: Request, storage: StorageService) -> Response:
    files = sorted(await storage.files(), key=lambda file: file.place)
    return renderer_of(request).page(request, "presets/export.html", {"files": files})


@router.post("/presets/export")
async def export(request: Request, sharing: SharingService) -> Response:
    preset = await _export_request(request)
    view = {"wanted": preset, "report": await sharing.export(preset, HASHING_SECONDS)}
    return renderer_of(request).page(request, "presets/_export.html", view)


@router.get("/presets/import")
async def show_import(request: Request, url: Annotated[str, Query(max_length=4096)] = "") -> Response:
    return renderer_of(request).page(request, "presets/import.html", {"url": url})


@router.post("/presets/import")
async def add(request: Request, sharing: SharingService) -> Response:
    preset = await _added(request, sharing)
    return Response(status_code=204, headers={"HX-Redirect": f"/presets/{preset.id}"})


@router.delete("/presets/{preset_id}/definition")
async def forget(preset_id: str, sharing: SharingService) -> Response:
    await sharing.remove(preset_id)
    return Response(status_code=204, headers={"HX-Redirect": "/presets"})


async def _export_request(request: Request) -> ExportRequest:
    async with request.form(max_files=0, max_fields=MOST_FILES) as form:
        fields: dict[str, Any] = {name: form.get(name) for name in ("id", "title", "category")}
        files = form.getlist("file")
    if not files:
        raise InvalidRequest("Select at least one file.", code="nothing_picked")
    try:
        return ExportRequest.model_validate({**fields, "files": files})
    except ValidationError as error:
        problem = error.errors(include_input=False)[0]
        raise InvalidRequest(f"{problem['loc'][0]}: {problem['msg']}.") from None


async def _added(request: Request, sharing: Sharing) -> Preset:
    """Import the file of the form, else its text, else what its URL returns."""
    async with request.form(max_files=1, max_fields=8, max_part_size=MAX_BYTES) as form:
        file, text, url = form.get("file"), str(form.get("text", "")), str(form.get("url", ""))
        content = await file.read(MAX_BYTES + 1) if isinstance(file, UploadFile) else b""
    content = content or text.strip().encode()
    if content:
        return await sharing.add(content)
    if url.strip():
        return await sharing.add_from(url.strip())
    raise InvalidRequest("Choose a file, paste its text or give a URL.", code="empty")
