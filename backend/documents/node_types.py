"""What ComfyUI says about the node types of a workflow."""

from collections.abc import Iterable

from backend.comfy.client import ComfyClient
from backend.workflows.graph import Json, Workflow


class NodeTypeSource:
    def __init__(self, comfy: ComfyClient):
        self._comfy = comfy

    async def of(self, workflow: Workflow, more: Iterable[str] = (), *, fresh: bool = False) -> Json:
        """Return the part of `object_info` that is about the workflow and the types in `more`.

        `fresh` also asks for menus anew, which change when a model arrives.
        """
        types = {node.type for node in workflow.all_nodes if not workflow.is_container(node.type)}
        found = await self._comfy.node_types.describe(types | set(more), fresh=fresh)
        return {name: node_type.raw for name, node_type in found.items()}
