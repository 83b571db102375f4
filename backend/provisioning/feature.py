"""Provisioning as a feature."""

from functools import partial

from backend.activity.service import Activity
from backend.downloads.service import Downloads
from backend.presets.service import Presets
from backend.provisioning import api, pages
from backend.provisioning.downloaded import DownloadedSteps
from backend.provisioning.service import Provisioning
from backend.provisioning.worker import watch
from backend.storage.service import Storage
from backend.system.services import Services
from backend.web.features import Context, Feature, Running


async def start(context: Context) -> Running:
    registry, settings = context.registry, context.settings
    provisioning = Provisioning(
        settings.run_dir,
        settings.workspace,
        DownloadedSteps(registry.get(Presets), registry.get(Downloads), registry.get(Storage)),
        registry.get(Activity),
        registry.get(Services).clean,
    )
    context.stack.push_async_callback(provisioning.close)
    return Running(services=(provisioning,), background=(partial(watch, provisioning),))


FEATURE = Feature(name="provisioning", routers=(api.router, pages.router), start=start)
