"""Routes of assets: what clients upload, and the outputs of jobs."""

from typing import Annotated

from fastapi import Path, Request, Response
from starlette.requests import ClientDisconnect

from backend.auth.principal import Scope
from backend.comfy_api.dependencies import AssetsService, ClientLinks, ComfyJobsService
from backend.comfy_api.errors import AssetInUse, BlobNotFound, HashMismatch
from backend.comfy_api.models import OutputId
from backend.comfy_api.routing import ComfyRouter
from backend.comfy_api.schemas import AssetBody, FromHashBody
from backend.comfy_api.views import asset_body, output_asset_body
from backend.core.errors import InvalidRequest, NotFound, OutOfSpace, RangeOutsideFile
from backend.jobs.dependencies import OutputFiles
from backend.web.body_limit import MIB
from backend.web.errors import Responses, responses
from backend.web.file_response import RangedFile

# Like ComfyUI's own limit for uploads.
LARGEST_UPLOAD = 10_240 * MIB

router = ComfyRouter(read=Scope.READ, write=Scope.RUN)
upload_router = ComfyRouter(read=Scope.READ, write=Scope.RUN, max_body=LARGEST_UPLOAD)

KNOWN: Responses = {200: {"model": AssetBody, "description": "These bytes were here already."}}
FORM = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "properties": {
                        "content_type": {"type": "string"},
                        "file_path": {"type": "string"},
                        "expected_hash": {"type": "string"},
                        "tags": {"type": "string"},
                        "file": {"type": "string", "format": "binary"},
                    },
                }
            }
        },
    }
}


@upload_router.post(
    "/assets",
    status_code=201,
    responses={**responses(HashMismatch, OutOfSpace), **KNOWN},
    openapi_extra=FORM,
)
async def upload(
    request: Request, response: Response, assets: AssetsService, links: ClientLinks
) -> AssetBody:
    """Upload a file. The field `file` comes last; `expected_hash` is checked."""
    headers = request.headers
    announced = headers.get("content-length", "")
    size = int(announced) if announced.isascii() and announced.isdecimal() else 0
    try:
        asset, is_new = await assets.upload(headers.get("content-type", ""), request.stream(), size)
    except ClientDisconnect:
        raise InvalidRequest("The client closed the connection during the upload.") from None
    if not is_new:
        response.status_code = 200
    return asset_body(asset, links, created_new=is_new)


@router.get("/assets/by-hash/{digest}", status_code=200, responses=responses(NotFound))
async def find(digest: Annotated[str, Path(max_length=200)], assets: AssetsService) -> None:
    """Whether a file with this hash is here, so that it need not be uploaded."""
    if not await assets.has(digest):
        raise BlobNotFound("No asset has this hash. Upload the file.")


@router.post("/assets/from-hash", responses=responses(NotFound, OutOfSpace))
async def add_name(body: FromHashBody, assets: AssetsService, links: ClientLinks) -> AssetBody:
    """Make an asset of bytes that are here already."""
    asset = await assets.add_name(body.hash, body.file_path or "upload.bin")
    return asset_body(asset, links, created_new=False)


@router.get("/assets/{asset_id}", responses=responses(NotFound))
async def show(
    asset_id: str, assets: AssetsService, comfy_jobs: ComfyJobsService, links: ClientLinks
) -> AssetBody:
    """An upload, or an output of a job."""
    output_id = OutputId.read(asset_id)
    if output_id is None:
        return asset_body(await assets.get(asset_id), links)
    job, output = await comfy_jobs.output(output_id)
    return output_asset_body(job, output_id.number, output, links)


@router.get(
    "/assets/{asset_id}/content",
    response_class=RangedFile,
    responses={
        **responses(NotFound, RangeOutsideFile),
        206: {"description": "The range that was asked for."},
    },
)
async def show_content(
    asset_id: str, assets: AssetsService, comfy_jobs: ComfyJobsService, files: OutputFiles
) -> RangedFile:
    """The bytes of an upload or an output. Answers range requests."""
    output_id = OutputId.read(asset_id)
    if output_id is None:
        asset = await assets.get(asset_id)
        # Sent as a download: what a client has uploaded must not run as a page of this origin.
        return RangedFile(await assets.path(asset), media_type=asset.content_type, filename=asset.name)
    _, output = await comfy_jobs.output(output_id)
    path = await files.find(output)
    return RangedFile(path, media_type=output.media_type, filename=path.name)


@router.delete("/assets/{asset_id}", status_code=204, responses=responses(NotFound, AssetInUse, OutOfSpace))
async def delete(asset_id: str, assets: AssetsService, comfy_jobs: ComfyJobsService) -> None:
    """Delete an upload that no unfinished job uses. Outputs stay with their jobs."""
    output_id = OutputId.read(asset_id)
    if output_id:
        await comfy_jobs.output(output_id)
        raise AssetInUse("This is an output of a job, and is kept with it.")
    await assets.delete(asset_id)
