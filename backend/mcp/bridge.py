"""Connects a client on stdin and stdout with the server's HTTP address: what `comfypod mcp` does.

Over stdio a message says everything itself. Over HTTP some of it is repeated in headers, so that proxies can see it.
"""

from collections.abc import Mapping
from typing import Any

import anyio
from mcp.client.streamable_http import streamable_http_client
from mcp.server.stdio import stdio_server
from mcp.shared._httpx_utils import create_mcp_http_client
from mcp.shared._stream_protocols import ReadStream, WriteStream
from mcp.shared.inbound import (
    MCP_METHOD_HEADER,
    MCP_NAME_HEADER,
    MCP_PROTOCOL_VERSION_HEADER,
    encode_header_value,
)
from mcp.shared.message import ClientMessageMetadata, SessionMessage
from mcp_types import PROTOCOL_VERSION_META_KEY, JSONRPCNotification, JSONRPCRequest, JSONRPCResponse

# What the header `Mcp-Name` repeats, by method.
NAMES = {"tools/call": "name", "prompts/get": "name", "resources/read": "uri"}


async def serve(url: str, headers: Mapping[str, str]) -> None:
    """Pass messages on until stdin ends. `headers` have the credentials."""
    async with (
        create_mcp_http_client(headers=dict(headers)) as http,
        streamable_http_client(url, http_client=http) as (from_server, to_server),
        stdio_server() as (from_client, to_client),
    ):
        bridge = Bridge()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(bridge.pass_on, from_server, to_client)
            await bridge.pass_on(from_client, to_server)
            tasks.cancel_scope.cancel()


class Bridge:
    """Remembers the version that `initialize` has agreed on; newer clients state it in every message."""

    def __init__(self) -> None:
        self._version: str | None = None

    async def pass_on(
        self, source: ReadStream[SessionMessage | Exception], target: WriteStream[SessionMessage]
    ) -> None:
        async for item in source:
            if isinstance(item, SessionMessage):
                await target.send(self._with_headers(item))

    def _with_headers(self, item: SessionMessage) -> SessionMessage:
        message = item.message
        if isinstance(message, JSONRPCResponse):
            agreed = message.result.get("protocolVersion")
            self._version = agreed if isinstance(agreed, str) else self._version
        if not isinstance(message, JSONRPCRequest | JSONRPCNotification):
            return item
        headers = _headers(message.method, message.params or {}, self._version)
        return SessionMessage(message, ClientMessageMetadata(headers=headers))


def _headers(method: str, params: Mapping[str, Any], agreed: str | None) -> dict[str, str]:
    meta = params.get("_meta")
    version = (meta.get(PROTOCOL_VERSION_META_KEY) if isinstance(meta, dict) else None) or agreed
    headers = {MCP_METHOD_HEADER: method}
    if isinstance(version, str):
        headers[MCP_PROTOCOL_VERSION_HEADER] = version
    name = params.get(NAMES.get(method, ""))
    if isinstance(name, str):
        headers[MCP_NAME_HEADER] = encode_header_value(name)
    return headers
