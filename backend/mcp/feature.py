"""The MCP server as a feature. It costs nothing before the first request."""

from backend.mcp.endpoint import mcp_router
from backend.mcp.gateway import Gateway, build_for
from backend.web.features import Context, Feature, Running


async def start(context: Context) -> Running:
    gateway = Gateway(build_for(context.registry))
    context.stack.push_async_callback(gateway.closed)
    return Running(services=(gateway,), channels=(gateway,))


FEATURE = Feature(name="mcp", routers=(mcp_router(),), start=start)
