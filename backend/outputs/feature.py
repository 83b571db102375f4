"""Wire the outputs. Nothing is read before the first request."""

from backend.outputs import thumbnail_pages
from backend.outputs.folder import OutputFolder
from backend.outputs.thumbnails.cache import ThumbnailCache
from backend.outputs.thumbnails.process import Renderers, candidates
from backend.outputs.thumbnails.service import Thumbnails
from backend.web.features import Context, Feature, Running


async def start(context: Context) -> Running:
    workspace = context.settings.workspace
    folder = OutputFolder(workspace / "ComfyUI/output")
    cache = ThumbnailCache(workspace / ".comfypod/thumbnails")
    thumbnails = Thumbnails(Renderers(candidates(workspace)), cache)
    context.stack.push_async_callback(thumbnails.close)
    return Running(services=(folder, thumbnails))


FEATURE = Feature(name="outputs", routers=(thumbnail_pages.router,), start=start)
