"""The MCP server: the tools of all features for assistants and IDEs, at `/mcp`.

The SDK costs 17 MB and most of a second, so only `server`, `handlers`, `prompts` and `resources` import it, and they are imported
by the first request.
"""
