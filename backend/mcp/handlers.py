"""Adapts our tools to the SDK: errors become messages for the model, pictures become content, calls are checked and recorded."""

import base64
import functools
import time
from collections.abc import Awaitable, Callable
from typing import Any

import structlog
from mcp.server.context import CallNext, HandlerResult, ServerRequestContext
from mcp.server.mcpserver.exceptions import ResourceError, ResourceNotFoundError, ToolError
from mcp_types import CallToolResult, ImageContent, TextContent

from backend.auth.principal import acting_as
from backend.auth.routing import require
from backend.auth.tools import Picture, Tool, progress_to
from backend.core.errors import AppError, NotFound
from backend.mcp.caller import Caller, caller_of
from backend.mcp.limits import CallLimits
from backend.mcp.recording import CallRecorder

# Of one result, as text. A model reads about a quarter as many tokens.
MAX_TEXT = 200_000


class Calls:
    """Middleware of the server: who calls, whether they may, how often, and what is recorded."""

    def __init__(self, tools: tuple[Tool, ...], recorder: CallRecorder, limits: CallLimits):
        self._tools = {tool.name: tool for tool in tools}
        self._recorder = recorder
        self._limits = limits

    async def __call__(self, ctx: ServerRequestContext[Any, Any], call_next: CallNext) -> HandlerResult:
        if ctx.request is None:
            return await call_next(ctx)
        caller = caller_of(ctx.request.scope)
        with (
            acting_as(caller.principal),
            structlog.contextvars.bound_contextvars(request_id=caller.request_id),
            progress_to(ctx.session.report_progress),
        ):
            if ctx.method != "tools/call":
                return await call_next(ctx)
            return await self._call_tool(caller, ctx, call_next)

    async def _call_tool(
        self, caller: Caller, context: ServerRequestContext[Any, Any], call_next: CallNext
    ) -> HandlerResult:
        tool = self._tools.get(str((context.params or {}).get("name")))
        if tool is None:
            return await call_next(context)
        started = time.monotonic()
        try:
            require(caller.principal, tool.scope)
            self._limits.start(caller.id)
        except AppError as error:
            result: HandlerResult = _error(error.message)
        else:
            try:
                result = _bounded(await call_next(context))
            finally:
                self._limits.end(caller.id)
        self._recorder.record(
            tool,
            milliseconds=round((time.monotonic() - started) * 1000),
            request_id=caller.request_id,
            error=_error_text(result),
        )
        return result


def adapted(tool: Tool) -> Callable[..., Awaitable[Any]]:
    """Return the function as the SDK calls it, with the same signature."""

    @functools.wraps(tool.run)
    async def call(*arguments: Any, **named: Any) -> Any:
        try:
            result = await tool.run(*arguments, **named)
        except AppError as error:
            raise ToolError(error.message) from error
        return [_content(item) for item in result] if _has_pictures(result) else result

    return call


def resource(read: Callable[..., Awaitable[str]]) -> Callable[..., Awaitable[str]]:
    """Return a resource's function with our errors in the SDK's words."""

    @functools.wraps(read)
    async def call(**named: Any) -> str:
        try:
            return await read(**named)
        except NotFound as error:
            raise ResourceNotFoundError(error.message) from error
        except AppError as error:
            raise ResourceError(error.message) from error

    return call


def _has_pictures(result: Any) -> bool:
    return isinstance(result, list) and any(isinstance(item, Picture) for item in result)


def _content(item: str | Picture) -> TextContent | ImageContent:
    if isinstance(item, str):
        return TextContent(type="text", text=item)
    data = base64.b64encode(item.content).decode()
    return ImageContent(type="image", data=data, mime_type=item.media_type)


def _bounded(result: HandlerResult) -> HandlerResult:
    length = sum(map(len, _texts(result)))
    if length <= MAX_TEXT:
        return result
    return _error(
        f"The result has {length:,} characters; at most {MAX_TEXT:,} are returned. Ask for less at once."
    )


def _error(message: str) -> CallToolResult:
    return CallToolResult(content=[TextContent(type="text", text=message)], is_error=True)


def _error_text(result: HandlerResult) -> str | None:
    is_error = result.get("isError") if isinstance(result, dict) else getattr(result, "is_error", False)
    return next(iter(_texts(result)), "") if is_error else None


def _texts(result: HandlerResult) -> list[str]:
    """Return the texts of a tool's result, which the SDK may have made JSON already."""
    if isinstance(result, CallToolResult):
        return [part.text for part in result.content if isinstance(part, TextContent)]
    parts = result.get("content", []) if isinstance(result, dict) else []
    return [part["text"] for part in parts if isinstance(part, dict) and part.get("type") == "text"]
