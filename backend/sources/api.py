"""The JSON door of sources."""

from backend.auth.principal import Scope
from backend.auth.routing import ProtectedRouter
from backend.core.errors import Forbidden, UpstreamError
from backend.sources.api_errors import as_api_errors
from backend.sources.dependencies import SourcesService
from backend.sources.listing import view_of, view_of_offer
from backend.sources.models import HashesRequest, ListingView, LookRequest, RemoteFileView
from backend.web.errors import responses

router = ProtectedRouter(read=Scope.READ, write=Scope.RUN, prefix="/api/sources", tags=["sources"])


@router.post("/look", responses=responses(Forbidden, UpstreamError))
async def look(wanted: LookRequest, sources: SourcesService) -> ListingView:
    """What is behind an address: files with sizes, hashes, formats and the hub's scan; licence and access."""
    with as_api_errors():
        return view_of(await sources.look(wanted.url))


@router.post("/by-hash", responses=responses(Forbidden, UpstreamError))
async def find_by_hash(wanted: HashesRequest, sources: SourcesService) -> dict[str, RemoteFileView]:
    """Where Civitai has files with these contents, by hash. Hashes that it does not know are left out."""
    with as_api_errors():
        found = await sources.with_hashes(wanted.sha256)
    return {sha256: view_of_offer(offer) for sha256, offer in found.items()}
