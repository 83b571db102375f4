"""Comfy API v2: the official SDK runs its workflows as our jobs."""

from backend.comfy.client import ComfyClient
from backend.comfy_api import assets_api, jobs_api
from backend.comfy_api.assets import Assets
from backend.comfy_api.files import AssetFiles
from backend.comfy_api.service import ComfyJobs
from backend.comfy_api.store import AssetStore
from backend.jobs.live import Live
from backend.jobs.service import Jobs
from backend.web.features import Context, Feature, Running


async def start(context: Context) -> Running:
    jobs, live = context.registry.get(Jobs), context.registry.get(Live)
    store = AssetStore(context.database)
    await store.prepare()
    assets = Assets(store, AssetFiles(context.settings.workspace / "ComfyUI/input"), jobs)
    return Running(
        services=(ComfyJobs(jobs, live, assets, context.registry.get(ComfyClient)), assets),
        background=(assets.run,),
    )


FEATURE = Feature(
    name="comfy_api",
    routers=(jobs_api.public_router, jobs_api.router, assets_api.upload_router, assets_api.router),
    start=start,
)
