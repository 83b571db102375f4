"""Pages and lists travel compressed; what is small does not."""

import httpx

from tests.support.control_plane import ControlPlane
from tests.support.nginx import Addresses


async def test_only_large_bodies_are_compressed(pod: ControlPlane, addresses: Addresses) -> None:
    async with httpx.AsyncClient(
        base_url=addresses.dashboard, headers=pod.client.headers, timeout=30
    ) as client:
        large, small = await client.get("/openapi.json"), await client.get("/healthz")
    assert (large.headers.get("content-encoding"), large.headers["vary"]) == ("gzip", "Accept-Encoding")
    assert "content-encoding" not in small.headers
    assert large.num_bytes_downloaded < len(large.content) / 5
