"""Wire the storage feature: the model files of this pod."""

from functools import partial
from pathlib import Path

from backend.activity.service import Activity
from backend.config.settings import Settings
from backend.storage import api, sockets
from backend.storage.dependencies import Classifier
from backend.storage.index import FileIndex
from backend.storage.kept_files import KeptFiles
from backend.storage.pages import models as model_pages
from backend.storage.pages import selected
from backend.storage.roots import roots_of
from backend.storage.service import Storage
from backend.storage.store import DirectoryStore, HashStore, prepare
from backend.storage.trash import api as trash_api
from backend.storage.trash import pages as trash_pages
from backend.storage.trash.folder import TrashFolder
from backend.storage.trash.models import TrashKind
from backend.storage.trash.service import Trash
from backend.storage.trash.worker import delete_expired
from backend.storage.verification import Verifications
from backend.storage.worker import IndexWorker
from backend.web.features import Context, Feature, Running
from backend.web.ticker import publish_every

TRASH = ".comfypod/trash"
EXTRA_PATHS = "extra_model_paths.yaml"


async def start(context: Context) -> Running:
    await prepare(context.database)
    hashes, directories = HashStore(context.database), DirectoryStore(context.database, "models")
    await hashes.load()
    models = context.settings.models_folder
    path_files = _path_files(context.settings)
    index = FileIndex(models, partial(roots_of, models, path_files), directories, path_files)
    await index.load()
    kept = KeptFiles(context.paths.kept_files)
    await kept.load()
    activity = context.registry.get(Activity)
    trash = Trash(TrashFolder(context.settings.workspace / TRASH), activity, context.settings.trash_days)
    storage = Storage(models, hashes, index, kept, activity, trash)
    worker = IndexWorker(index, hashes.save)
    trash.add_root(TrashKind.MODEL, storage.trash_root())
    context.stack.push_async_callback(storage.close)
    verifications = Verifications(storage, activity)
    channel = sockets.StorageChannel()
    trash.on_change = lambda: channel.publish_trash(trash.revision)
    index.on_change = lambda: channel.publish_change(index.revision)
    verifications.on_change = lambda: channel.publish_change(index.revision)
    return Running(
        services=(storage, trash, verifications, Classifier(), channel),
        channels=(channel,),
        background=(
            worker.scan,
            worker.watch,
            partial(delete_expired, trash),
            verifications.run,
            partial(publish_every, sockets.SECONDS, channel, partial(sockets.frame, storage)),
        ),
    )


def _path_files(settings: Settings) -> tuple[Path, Path]:
    """Return the `extra_model_paths.yaml` that ComfyUI is started with, and the one that users place beside ComfyUI."""
    return settings.run_dir / EXTRA_PATHS, settings.models_folder.parent / EXTRA_PATHS


FEATURE = Feature(
    name="storage",
    routers=(
        api.router,
        trash_api.router,
        model_pages.router,
        selected.router,
        trash_pages.router,
        sockets.router,
    ),
    start=start,
)
