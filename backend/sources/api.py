"""The JSON door of sources."""

from fastapi import APIRouter

from backend.auth.access import SignedIn
from backend.core.errors import Forbidden, UpstreamError
from backend.sources.access import SourcesService
from backend.sources.looking import view_of, view_of_offer
from backend.sources.models import HashesRequest, LookRequest, LookView, OfferView
from backend.sources.refusals import explained
from backend.web.errors import responses

router = APIRouter(prefix="/api/sources", tags=["sources"])


@router.post("/look", responses=responses(Forbidden, UpstreamError))
async def look(wanted: LookRequest, sources: SourcesService, _session: SignedIn) -> LookView:
    """What is behind an address: files with sizes, hashes, formats and the hub's scan; licence and access."""
    with explained():
        return view_of(await sources.look(wanted.url))


@router.post("/by-hash", responses=responses(Forbidden, UpstreamError))
async def find_by_hash(
    wanted: HashesRequest, sources: SourcesService, _session: SignedIn
) -> dict[str, OfferView]:
    """Where Civitai has files with these contents, by hash. Hashes that it does not know are left out."""
    with explained():
        found = await sources.with_hashes(wanted.sha256)
    return {sha256: view_of_offer(offer) for sha256, offer in found.items()}
