"""Questions to ComfyUI."""

import asyncio
from collections.abc import Iterable
from typing import Any
from urllib.parse import quote

import httpx

from backend.comfy.models import NodeType
from backend.core.errors import Unavailable

TIMEOUT = httpx.Timeout(5.0)
# ComfyUI answers one after the other; more at once only makes each of them wait.
QUESTIONS_AT_ONCE = 8


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

    async def queue_remaining(self) -> int:
        """`GET /prompt`: how many prompts wait or run."""
        answer = await self._get("/prompt")
        try:
            return int(answer["exec_info"]["queue_remaining"])
        except (TypeError, KeyError, ValueError):
            return 0

    async def model_folders(self) -> list[str]:
        """`GET /models`: the kinds of models that this ComfyUI knows."""
        return _names(await self._get("/models"))

    async def models(self, folder: str) -> list[str]:
        """`GET /models/{folder}`: the names that ComfyUI offers in its menus; none for a folder it does not know."""
        return _names(await self._ask("models", folder))

    async def offers(self, folder: str, filename: str) -> bool:
        """Whether a file can be chosen in ComfyUI. `folder` may go below a model folder: `loras/style`."""
        kind, _, below = folder.partition("/")
        wanted = f"{below}/{filename}" if below else filename
        return wanted in {name.replace("\\", "/") for name in await self.models(kind)}

    async def node_types(self, names: Iterable[str]) -> dict[str, NodeType]:
        """`GET /object_info/{name}` for each; those that ComfyUI does not know are left out.

        Asking for all of them in one call would take seconds and megabytes where many nodes are installed.
        """
        places = asyncio.Semaphore(QUESTIONS_AT_ONCE)

        async def ask(name: str) -> Any:
            async with places:
                return await self._ask("object_info", name)

        wanted = sorted(set(names))
        answers = await asyncio.gather(*(ask(name) for name in wanted))
        return {
            name: NodeType.from_info(answer[name])
            for name, answer in zip(wanted, answers, strict=True)
            if isinstance(answer, dict) and isinstance(answer.get(name), dict)
        }

    async def _ask(self, route: str, name: str) -> Any:
        """`GET /{route}/{name}`; None also for a name that no address can end in."""
        return None if name in ("", ".", "..") else await self._get(f"/{route}/{quote(name, safe='')}")

    async def _get(self, path: str) -> Any:
        """The JSON answer; None where ComfyUI has nothing at that address."""
        try:
            response = await self._client.get(f"{self.base_url}{path}", timeout=TIMEOUT)
            if response.status_code == 404:
                return None
            response.raise_for_status()
            return response.json()
        except (httpx.HTTPError, ValueError):
            raise Unavailable("ComfyUI does not answer. It may be starting: its log has more.") from None


def _names(answer: Any) -> list[str]:
    return [str(name) for name in answer] if isinstance(answer, list) else []
