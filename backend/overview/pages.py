"""HTML route of the overview."""

from typing import Annotated

from fastapi import Depends, Request, Response

from backend.activity.texts import text_of
from backend.auth.principal import Scope
from backend.auth.routing import ProtectedRouter
from backend.overview.service import OverviewService
from backend.system.dependencies import AddressesService, PageAddress
from backend.system.pages import why_away
from backend.web import htmx
from backend.web.caching import Body, Responses
from backend.web.features import provided
from backend.web.templating import renderer_of

router = ProtectedRouter(read=Scope.READ, write=Scope.ADMIN, include_in_schema=False)


@router.get("/")
async def show(
    request: Request,
    overview: Annotated[OverviewService, Depends(provided(OverviewService))],
    addresses: AddressesService,
    page: PageAddress,
    cache: Responses,
) -> Response:
    async def build() -> Body:
        found = await overview.view()
        services = [service.name for service in found.system.services] if found.system else []
        view = {
            "overview": found,
            "system": found.system,
            "addresses": addresses.of(services, page),
            "why_away": why_away(found.system) if found.system else "",
            "text_of": text_of,
        }
        template = "overview/_live.html" if htmx.wants_fragment(request) else "overview/page.html"
        return Body(renderer_of(request).render(request, template, view))

    return await cache.page(request, (overview.revision, page.scheme, page.netloc), build)
