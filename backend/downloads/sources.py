"""The one place that knows which hub an address belongs to, and asks it."""

import re
from contextlib import AbstractAsyncContextManager
from urllib.parse import unquote

import httpx

from backend.downloads.addresses import hub_file, name_in
from backend.downloads.found import Located
from backend.downloads.hugging_face import HuggingFace
from backend.downloads.transport import Transport, check_answer

__all__ = ["Located", "Sources", "check_answer"]


class Sources:
    """Speaks every hub's protocol. Every request passes the guard, every token goes to its own origin only."""

    def __init__(self, transport: Transport, hugging_face: HuggingFace):
        self._transport = transport
        self._hugging_face = hugging_face

    def canonical(self, url: str) -> str:
        """`/blob/` links become `/resolve/` links at the configured endpoint; others stay as they are."""
        found = hub_file(url, self._hugging_face.endpoint)
        return found.address(self._hugging_face.endpoint) if found else url

    async def locate(self, url: str) -> Located:
        """Ask the hub about `url`. For plain web servers there is nobody to ask: the GET itself will tell."""
        if hub_file(url, self._hugging_face.endpoint):
            return await self._hugging_face.locate(self.canonical(url))
        return Located(url=url, headers=self._transport.headers_for(url))

    async def filename(self, url: str) -> str | None:
        """The name that the server gives the file, asked with a request for its first byte."""
        headers = {**self._transport.headers_for(url), "Range": "bytes=0-0"}
        async with self.open(url, headers) as response:
            check_answer(response)
            return _name_in_disposition(response.headers.get("content-disposition", "")) or name_in(
                str(response.url)
            )

    def open(self, url: str, headers: dict[str, str]) -> AbstractAsyncContextManager[httpx.Response]:
        """GET `url` and follow redirects: each target is checked, credentials stay behind."""
        return self._transport.open(url, headers)


def _name_in_disposition(value: str) -> str | None:
    extended = re.search(r"filename\*=(?:UTF-8|utf-8)''([^;]+)", value)
    plain = re.search(r'filename="?([^";]+)"?', value)
    name = unquote(extended[1]) if extended else plain[1] if plain else ""
    return name.replace("\\", "/").rpartition("/")[2].strip() or None
