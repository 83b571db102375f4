"""HTML routes for adding downloads: list the files of a URL, select some, choose their folders."""

from typing import Annotated

from fastapi import Form, Query, Request, Response
from pydantic import ValidationError

from backend.auth.principal import Scope
from backend.auth.routing import ProtectedRouter
from backend.core.errors import InvalidRequest, OutOfSpace
from backend.core.model_folders import MODEL_FOLDERS
from backend.downloads.dependencies import BatchesService, DownloadsService
from backend.downloads.models import FileRequest
from backend.downloads.schemas import PickedFile
from backend.sources.api_errors import as_api_errors
from backend.sources.dependencies import SourcesService
from backend.sources.formats import Format
from backend.sources.listing import listing_view
from backend.web import htmx
from backend.web.templating import renderer_of

router = ProtectedRouter(
    read=Scope.READ, write=Scope.RUN, include_in_schema=False, route_class=htmx.PageRoute
)

# Rows of the listing of a large repository.
MAX_ROWS = 300
# Refusals in one message.
MAX_REFUSALS = 3


@router.get("/downloads/add")
async def show_form(request: Request, url: Annotated[str, Query(max_length=4096)] = "") -> Response:
    return renderer_of(request).page(request, "downloads/add.html", {"url": url})


@router.post("/downloads/add/listing")
async def show_listing(
    request: Request,
    sources: SourcesService,
    downloads: DownloadsService,
    url: Annotated[str, Form(max_length=4096)],
) -> Response:
    with as_api_errors():
        listing = listing_view(await sources.listing(url))
    # Models first: a README is seldom what the user wants.
    files = sorted(listing.files, key=lambda file: file.format == Format.OTHER)
    view = {
        "listing": listing,
        "files": files[:MAX_ROWS],
        "not_shown": len(files[MAX_ROWS:]),
        "free": await downloads.space.free(),
        "folders": sorted(MODEL_FOLDERS),
    }
    return renderer_of(request).page(request, "downloads/_listing.html", view)


@router.post("/downloads/add")
async def add(request: Request, batches: BatchesService, downloads: DownloadsService) -> Response:
    """Redirect to the downloads, unless a file was refused."""
    try:
        report = await batches.request(await _picked(request))
    except OutOfSpace as error:
        if not htmx.is_htmx(request):
            raise
        view = {"error": error, "freeable": await downloads.space.freeable()}
        page = renderer_of(request).page(request, "downloads/_out_of_space.html", view, status=error.status)
        return htmx.with_swap(page, "innerHTML")
    if not report.refused:
        return Response(status_code=204, headers={"HX-Redirect": "/downloads"})
    messages = " ".join(f"{refusal.filename}: {refusal.message}" for refusal in report.refused[:MAX_REFUSALS])
    more = len(report.refused[MAX_REFUSALS:])
    return htmx.with_toast(
        Response(status_code=204), "error", f"And {more} more. {messages}" if more else messages
    )


async def _picked(request: Request) -> list[FileRequest]:
    """Return the selected rows of the form. A row's number is part of the names of its fields."""
    names = PickedFile.model_fields.keys()
    async with request.form(max_files=0, max_fields=8 * MAX_ROWS) as form:
        rows = [
            {name: value for name in names if (value := form.get(f"{name}-{number}"))}
            for number in form.getlist("pick")
        ]
        allow_pickle = "allow_pickle" in form
    if not rows:
        raise InvalidRequest("Select at least one file.", code="nothing_picked")
    if not all("folder" in row for row in rows):
        raise InvalidRequest("Choose a model folder for each file.", code="folder_needed")
    try:
        picked = [PickedFile.model_validate(row | {"allow_pickle": allow_pickle}) for row in rows]
    except ValidationError as error:
        problem = error.errors(include_input=False)[0]
        raise InvalidRequest(f"{problem['loc'][0]}: {problem['msg']}.") from None
    return [FileRequest(**file.model_dump()) for file in picked]
