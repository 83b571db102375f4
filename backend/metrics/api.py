"""The route that Prometheus scrapes."""

from typing import Annotated

from fastapi import Depends, Response

from backend.auth.principal import Scope
from backend.auth.routing import ProtectedRouter
from backend.metrics.service import PodMetrics
from backend.web.errors import responses
from backend.web.features import provided

FORMAT = "text/plain; version=0.0.4; charset=utf-8"

router = ProtectedRouter(read=Scope.READ, write=Scope.ADMIN, tags=["system"])


@router.get(
    "/metrics",
    responses={**responses(), 200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
    response_class=Response,  # of no media type, which FastAPI would declare for the errors too
)
async def scrape(metrics: Annotated[PodMetrics, Depends(provided(PodMetrics))]) -> Response:
    """Report jobs, downloads, GPU, tool calls and HTTP latencies in Prometheus' text format."""
    return Response(await metrics.text(), headers={"Content-Type": FORMAT})
