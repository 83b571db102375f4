"""The pod's tools, reached through the control plane's MCP server. Each call has its own connection, so a restart
of the control plane does not affect later calls."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx2
from mcp import Client, MCPError
from mcp.client.streamable_http import streamable_http_client
from mcp_types import CallToolResult, TextContent
from mcp_types import Tool as McpTool

from backend.agents.errors import PodAway, PodRefuses, ToolFailure
from backend.agents.tools import ToolInfo

CALL_SECONDS = 120.0
# Seconds within which a control plane restarts.
AWAY_SECONDS = 60.0
RETRY_SECONDS = 0.5
# Characters of one result that the model gets.
MOST_CHARACTERS = 60_000


class Pod:
    """The control plane at `url`, with an API key."""

    def __init__(self, url: str, key: str):
        self._url = f"{url.rstrip('/')}/mcp"
        self._key = key

    async def tools(self) -> list[ToolInfo]:
        """Return the tools that the key's scopes allow. Raise PodAway or PodRefuses.

        Repeat the request when the control plane restarts meanwhile: it changes nothing.
        """
        deadline = time.monotonic() + AWAY_SECONDS
        while True:
            try:
                async with self._connected() as client:
                    return [_info(tool) for tool in (await client.list_tools()).tools]
            except (PodAway, MCPError) as error:
                if time.monotonic() > deadline:
                    raise PodAway(f"The control plane does not answer: {error}.") from error
                await asyncio.sleep(RETRY_SECONDS)

    async def call(self, name: str, arguments: dict[str, Any]) -> str:
        """Call a tool once. Raise ToolFailure when it fails, PodAway when its outcome is unknown."""
        async with self._connected() as client:
            try:
                async with asyncio.timeout(CALL_SECONDS):
                    result = await client.call_tool(name, arguments)
            except TimeoutError:
                raise PodAway(f"The call took longer than {CALL_SECONDS:.0f} seconds.") from None
            except MCPError as error:
                raise ToolFailure(str(error)) from error
        if not isinstance(result, CallToolResult):
            raise ToolFailure("The tool asks a question, which is not possible here.")
        text = _text(result)
        if result.is_error:
            raise ToolFailure(text)
        return text

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[Client]:
        """Yield a connected client. Wait while the control plane restarts: no tool was called yet."""
        deadline = time.monotonic() + AWAY_SECONDS
        while True:
            http = httpx2.AsyncClient(
                headers={"Authorization": f"Bearer {self._key}"},
                timeout=httpx2.Timeout(CALL_SECONDS, connect=5),
                trust_env=False,
            )
            async with http:
                problem = await self._problem(http)
                if problem is None:
                    try:
                        async with Client(streamable_http_client(self._url, http_client=http)) as client:
                            yield client
                            return
                    except (httpx2.HTTPError, ExceptionGroup) as error:
                        raise _away(error) from error
            if time.monotonic() > deadline:
                raise PodAway(f"The control plane does not answer: {problem}.")
            await asyncio.sleep(RETRY_SECONDS)

    async def _problem(self, http: httpx2.AsyncClient) -> str | None:
        """Return why the control plane cannot be reached, None when it can. Raise PodRefuses for a wrong key."""
        try:
            response = await http.get(self._url.removesuffix("/mcp") + "/api/auth/me")
        except httpx2.HTTPError as error:
            return str(error) or type(error).__name__
        if response.status_code in (401, 403):
            raise PodRefuses(
                "The pod does not accept the assistant's key. Save its rights again in the settings."
            )
        return None if response.is_success else f"it answered {response.status_code}"


def _away(error: BaseException) -> Exception:
    """Return the cause of a failed connection, or an error of this package unchanged."""
    while isinstance(error, BaseExceptionGroup) and error.exceptions:
        error = error.exceptions[0]
    if isinstance(error, ToolFailure | PodAway | PodRefuses):
        return error
    return PodAway(f"The connection to the control plane broke off: {str(error) or type(error).__name__}.")


def _info(tool: McpTool) -> ToolInfo:
    hints = tool.annotations
    return ToolInfo(
        name=tool.name,
        title=tool.title or tool.name,
        description=tool.description or "",
        schema=tool.input_schema,
        reads=bool(hints and hints.read_only_hint),
        destructive=bool(hints and hints.destructive_hint),
    )


def _text(result: CallToolResult) -> str:
    """Return the text for the model: the data of the result, else its texts."""
    if result.structured_content is not None:
        text = json.dumps(result.structured_content, ensure_ascii=False)
    else:
        text = "\n".join(
            item.text if isinstance(item, TextContent) else f"[{item.type}, shown to the user]"
            for item in result.content
        )
    if len(text) > MOST_CHARACTERS:
        return f"{text[:MOST_CHARACTERS]}\n[cut: {len(text)} characters in all; ask for less]"
    return text
