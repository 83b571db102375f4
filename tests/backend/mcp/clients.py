"""The official SDK's client, connected in each way that clients connect."""

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from mcp import Client, StdioServerParameters
from mcp.client.streamable_http import streamable_http_client
from mcp.shared._httpx_utils import create_mcp_http_client
from mcp_types import CallToolResult, TextContent

from tests.support.control_plane import ControlPlane
from tests.support.process import ROOT

# A revision, and how the client connects.
WAYS = ("2026-07-28", "2025-11-25", "stdio")


@asynccontextmanager
async def connected(
    pod: ControlPlane, way: str = "2026-07-28", key: str | None = None
) -> AsyncIterator[Client]:
    """Yield a client with an API key, or with the owner's token."""
    credential = key or pod.client.headers["Authorization"].removeprefix("Bearer ")
    if way == "stdio":
        async with Client(command(pod, credential)) as client:
            yield client
        return
    async with create_mcp_http_client(headers={"Authorization": f"Bearer {credential}"}) as http:
        transport = streamable_http_client(f"{pod.url}/mcp", http_client=http)
        async with Client(transport, mode="legacy" if way == "2025-11-25" else "auto") as client:
            assert client.protocol_version == way
            yield client


def command(pod: ControlPlane, credential: str) -> StdioServerParameters:
    return StdioServerParameters(
        command=sys.executable,
        args=["-P", "-m", "backend.cli", "mcp"],
        env={"COMFYPOD_URL": pod.url, "COMFYPOD_TOKEN": credential, "PYTHONPATH": str(ROOT)},
    )


async def call(client: Client, tool: str, /, **arguments: Any) -> Any:
    """Return the data that a tool returns, its text where it has none."""
    result = await client.call_tool(tool, arguments)
    assert isinstance(result, CallToolResult)
    assert not result.is_error, text_of(result)
    data: Any = result.structured_content
    if data is None:
        return text_of(result)
    return data["result"] if data.keys() == {"result"} else data


async def refused(client: Client, tool: str, /, **arguments: Any) -> str:
    """Return the message of a call that fails."""
    result = await client.call_tool(tool, arguments)
    assert isinstance(result, CallToolResult)
    assert result.is_error, text_of(result)
    return text_of(result)


def text_of(result: CallToolResult) -> str:
    return "\n".join(part.text for part in result.content if isinstance(part, TextContent))
