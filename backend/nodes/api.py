"""JSON routes of custom nodes."""

from typing import Annotated

from fastapi import Query

from backend.auth.principal import Scope
from backend.auth.routing import ProtectedRouter
from backend.core.errors import Conflict, NotFound
from backend.nodes.dependencies import NodeName, NodesService
from backend.nodes.schemas import InstallRequest, NodesView, UpdateRequest
from backend.web.errors import responses

# Installing a node runs its author's code as root.
router = ProtectedRouter(read=Scope.READ, write=Scope.ADMIN, prefix="/api/nodes", tags=["nodes"])


@router.get("", responses=responses())
async def list_nodes(nodes: NodesService) -> NodesView:
    """Return the custom nodes, and the newest operation on them."""
    return await nodes.view()


@router.post("/install", status_code=202, responses=responses(Conflict))
async def install(body: InstallRequest, nodes: NodesService) -> NodesView:
    """Install a node with its packages. `operation` in the list shows its progress."""
    return await nodes.install(body.source, body.commit, body.name)


@router.post("/{name}/update", status_code=202, responses=responses(NotFound, Conflict))
async def update(name: NodeName, body: UpdateRequest, nodes: NodesService) -> NodesView:
    """Update a node with its packages, or change it to another version."""
    return await nodes.update(name, body.version)


@router.post("/{name}/disable", status_code=202, responses=responses(NotFound, Conflict))
async def disable(name: NodeName, nodes: NodesService) -> NodesView:
    """Disable a node: ComfyUI does not load it from its next start on."""
    return await nodes.disable(name)


@router.post("/{name}/enable", status_code=202, responses=responses(NotFound, Conflict))
async def enable(name: NodeName, nodes: NodesService) -> NodesView:
    """Enable a disabled node: ComfyUI loads it from its next start on."""
    return await nodes.enable(name)


@router.delete("/{name}", status_code=202, responses=responses(NotFound, Conflict))
async def remove(
    name: NodeName,
    nodes: NodesService,
    force: Annotated[bool, Query(description="Also a git checkout with local changes.")] = False,
) -> NodesView:
    """Delete a node. The packages that it installed stay."""
    return await nodes.remove(name, force=force)
