"""Storage as a feature: the model files on this pod."""

from functools import partial
from pathlib import Path

from backend.config.settings import Settings
from backend.storage import api, pages, sockets
from backend.storage.service import Storage
from backend.storage.store import HashStore
from backend.web.features import Context, Feature, Running
from backend.web.ticker import publish_every

EXTRA_PATHS = "extra_model_paths.yaml"


async def start(context: Context) -> Running:
    hashes = HashStore(context.database)
    await hashes.prepare()
    storage = Storage(context.settings.models_folder, hashes, _path_files(context.settings))
    context.stack.push_async_callback(storage.close)
    channel = sockets.StorageChannel()
    return Running(
        services=(storage, channel),
        channels=(channel,),
        background=(partial(publish_every, sockets.SECONDS, channel, partial(sockets.frame, storage)),),
    )


def _path_files(settings: Settings) -> tuple[Path, Path]:
    """The file that ComfyUI is started with, and the one that users put beside ComfyUI by hand."""
    return settings.run_dir / EXTRA_PATHS, settings.models_folder.parent / EXTRA_PATHS


FEATURE = Feature(name="storage", routers=(api.router, pages.router, sockets.router), start=start)
