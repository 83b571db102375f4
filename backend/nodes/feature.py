"""Custom nodes as a feature."""

import os
from pathlib import Path

from backend.activity.service import Activity
from backend.nodes import api, pages
from backend.nodes.service import Nodes
from backend.system.comfyui import ComfyStatus
from backend.system.services import Services
from backend.web.features import Context, Feature, Running


async def start(context: Context) -> Running:
    registry, settings = context.registry, context.settings
    nodes = Nodes(
        settings.workspace,
        settings.run_dir,
        Path(os.environ.get("BAKED_NODES_DIR", "/opt/nodes")),
        registry.get(ComfyStatus),
        registry.get(Services),
        registry.get(Activity),
    )
    context.stack.push_async_callback(nodes.close)
    return Running(services=(nodes,))


FEATURE = Feature(name="nodes", routers=(api.router, pages.router), start=start)
