"""How routes reach the services of the protocol, and under which address the client reaches them."""

from typing import Annotated

from fastapi import Depends, Request

from backend.comfy_api.assets import Assets
from backend.comfy_api.service import ComfyJobs
from backend.comfy_api.views import Links
from backend.web.features import provided

SCHEMES = ("http", "https")


async def _links(request: Request) -> Links:
    """Providers of pods end TLS in front of nginx, which passes on what the client has used."""
    proxied = request.headers.get("x-forwarded-proto", "")
    scheme = proxied if proxied in SCHEMES else request.url.scheme
    return Links(origin=f"{scheme}://{request.url.netloc}")


ComfyJobsService = Annotated[ComfyJobs, Depends(provided(ComfyJobs))]
AssetsService = Annotated[Assets, Depends(provided(Assets))]
ClientLinks = Annotated[Links, Depends(_links)]
