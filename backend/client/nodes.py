"""Custom nodes."""

from datetime import datetime

from backend.client.connection import Connection
from backend.client.models import Model

PATH = "/api/nodes"


class Node(Model):
    name: str
    origin: str
    enabled: bool
    version: str
    repository: str
    failed: bool
    error: str


class Operation(Model):
    action: str
    name: str
    state: str
    message: str
    log: list[str]
    started_at: datetime


class Nodes(Model):
    nodes: list[Node]
    operation: Operation | None
    needs_restart: bool


class NodesClient:
    """`/api/nodes`."""

    def __init__(self, connection: Connection):
        self._connection = connection

    async def list(self) -> Nodes:
        return await self._connection.get(PATH, Nodes)

    async def install(self, source: str, *, commit: str, name: str) -> Nodes:
        body = {"source": source, "commit": commit, "name": name}
        return await self._connection.post(f"{PATH}/install", Nodes, json=body)

    async def update(self, name: str, version: str) -> Nodes:
        return await self._connection.post(f"{PATH}/{name}/update", Nodes, json={"version": version})

    async def disable(self, name: str) -> Nodes:
        return await self._connection.post(f"{PATH}/{name}/disable", Nodes)

    async def enable(self, name: str) -> Nodes:
        return await self._connection.post(f"{PATH}/{name}/enable", Nodes)

    async def remove(self, name: str, *, force: bool) -> Nodes:
        return Nodes.model_validate_json(
            (await self._connection.request("DELETE", f"{PATH}/{name}", params={"force": force})).content
        )
