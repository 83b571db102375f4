"""JSON routes of sources."""

from backend.auth.principal import Scope
from backend.auth.routing import ProtectedRouter
from backend.core.errors import Forbidden, UpstreamError
from backend.sources.api_errors import as_api_errors
from backend.sources.dependencies import SourcesService
from backend.sources.listing import listing_view, remote_file_view
from backend.sources.schemas import HashesRequest, ListingRequest, ListingView, RemoteFileView
from backend.web.errors import responses

router = ProtectedRouter(read=Scope.READ, write=Scope.RUN, prefix="/api/sources", tags=["sources"])


@router.post("/listing", responses=responses(Forbidden, UpstreamError))
async def list_files(request: ListingRequest, sources: SourcesService) -> ListingView:
    """List the files that a URL refers to, with sizes, hashes, formats and scans; licence and access."""
    with as_api_errors():
        return listing_view(await sources.listing(request.url))


@router.post("/by-hash", responses=responses(Forbidden, UpstreamError))
async def find_by_hash(request: HashesRequest, sources: SourcesService) -> dict[str, RemoteFileView]:
    """Find files on Civitai by their hashes. Unknown hashes are left out."""
    with as_api_errors():
        found = await sources.files_with_hashes(request.sha256)
    return {sha256: remote_file_view(file) for sha256, file in found.items()}
