"""Questions to ComfyUI."""

from typing import Any

import httpx

from backend.core.errors import Unavailable

TIMEOUT = httpx.Timeout(5.0)


class ComfyClient:
    """Speaks to one ComfyUI over HTTP. Raises `Unavailable` when it does not answer."""

    def __init__(self, base_url: str, client: httpx.AsyncClient):
        self.base_url = base_url.rstrip("/")
        self._client = client

    async def is_up(self) -> bool:
        try:
            await self.system_stats()
        except Unavailable:
            return False
        return True

    async def system_stats(self) -> dict[str, Any]:
        """`GET /system_stats`: versions, memory and devices, as ComfyUI sees them."""
        stats = await self._get("/system_stats")
        return stats if isinstance(stats, dict) else {}

    async def models(self, folder: str) -> list[str]:
        """`GET /models/{folder}`: the names that ComfyUI offers in its menus."""
        names = await self._get(f"/models/{folder}")
        return [str(name) for name in names] if isinstance(names, list) else []

    async def _get(self, path: str) -> Any:
        try:
            response = await self._client.get(f"{self.base_url}{path}", timeout=TIMEOUT)
            response.raise_for_status()
            return response.json()
        except (httpx.HTTPError, ValueError):
            raise Unavailable("ComfyUI does not answer. It may be starting: its log has more.") from None
