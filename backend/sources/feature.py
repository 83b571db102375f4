"""Sources as a feature: Hugging Face, Civitai and any web server."""

from backend.sources import api
from backend.sources.hubs import hubs_of
from backend.sources.metadata import HubMetadata
from backend.web.features import Context, Feature, Running


async def start(context: Context) -> Running:
    settings = context.settings
    hubs = await hubs_of(settings, context.stack, context.paths.tokens)
    metadata = HubMetadata(hubs.hugging_face, hubs.civitai, settings.state_folder / "hub-facts")
    context.stack.push_async_callback(metadata.close)
    return Running(services=(hubs.tokens, hubs.guard, hubs.sources, metadata))


FEATURE = Feature(name="sources", routers=(api.router,), start=start)
