"""Outputs as a feature. Nothing is read before the first request."""

from backend.jobs.reruns import Reruns
from backend.jobs.service import Jobs
from backend.outputs import api, sockets
from backend.outputs.folder import OutputFolder
from backend.outputs.index import OutputIndex
from backend.outputs.pages import actions, gallery, thumbnail
from backend.outputs.runs import OutputRuns
from backend.outputs.service import Outputs
from backend.outputs.sockets import OutputsChannel
from backend.outputs.store import ProvenanceStore
from backend.outputs.thumbnails.cache import ThumbnailCache
from backend.outputs.thumbnails.process import Renderers, candidates
from backend.outputs.thumbnails.service import Thumbnails
from backend.outputs.worker import ProvenanceReader
from backend.storage.store import DirectoryStore
from backend.storage.trash.models import TrashKind
from backend.storage.trash.service import Trash
from backend.web.features import Context, Feature, Running


async def start(context: Context) -> Running:
    registry, workspace = context.registry, context.settings.workspace
    folder = OutputFolder(workspace / "ComfyUI/output")
    thumbnails = Thumbnails(
        Renderers(candidates(workspace)), ThumbnailCache(workspace / ".comfypod/thumbnails")
    )
    context.stack.push_async_callback(thumbnails.close)
    store = ProvenanceStore(context.database)
    await store.prepare()
    index = OutputIndex(folder.path, DirectoryStore(context.database, "outputs"))
    reader = ProvenanceReader(folder, index, store)
    outputs = Outputs(folder, index, store, reader)
    context.stack.push_async_callback(outputs.close)
    registry.get(Trash).add_root(TrashKind.OUTPUT, outputs.trash_root())
    channel = OutputsChannel()
    index.on_change.append(channel.publish_change)
    reader.on_read = channel.publish_change
    runs = OutputRuns(outputs, registry.get(Jobs), registry.get(Reruns))
    return Running(services=(folder, thumbnails, outputs, channel, runs), channels=(channel,))


FEATURE = Feature(
    name="outputs",
    routers=(
        api.router,
        api.reading_router,
        thumbnail.router,
        gallery.router,
        actions.router,
        actions.run_router,
        actions.reading_router,
        sockets.router,
    ),
    start=start,
)
