"""`comfypod mcp`: the pod's tools for programs that start an MCP server as a process."""

from backend.cli.lazy import running_control_plane


def mcp() -> None:
    """Serve the tools of a running control plane over stdin and stdout, for assistants and IDEs (MCP)."""
    from backend.mcp.bridge import serve  # noqa: PLC0415 - imports the SDK

    with running_control_plane() as plane:
        address = plane.url.rstrip("/") + "/mcp"
        plane.run(serve(address, plane.headers))
