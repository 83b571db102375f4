"""Automatic stop as a feature."""

from functools import partial

from backend.activity.service import Activity
from backend.autostop import api, pages
from backend.autostop.hosts import host_of
from backend.autostop.idleness import Idleness
from backend.autostop.jupyter import JupyterServer
from backend.autostop.service import Autostop
from backend.autostop.worker import watch
from backend.comfy.client import ComfyClient
from backend.downloads.service import Downloads
from backend.jobs.models import JobChanged
from backend.jobs.service import Jobs
from backend.nodes.service import Nodes
from backend.provisioning.service import Provisioning
from backend.sync.service import Sync
from backend.system.service import System
from backend.web.features import Context, Feature, Running


async def start(context: Context) -> Running:
    registry, settings = context.registry, context.settings
    idleness = Idleness(
        registry.get(ComfyClient),
        registry.get(Jobs),
        registry.get(Downloads),
        registry.get(System),
        JupyterServer(str(settings.jupyter_url)),
        (registry.get(Sync), registry.get(Provisioning), registry.get(Nodes)),
    )
    autostop = Autostop(
        idleness,
        host_of(settings),
        registry.get(Activity),
        choice=settings.workspace / ".comfypod" / "autostop.json",
        default_minutes=settings.autostop_minutes,
    )
    context.events.subscribe(JobChanged, lambda _event: autostop.work_changed())
    return Running(
        services=(autostop,), background=(partial(watch, autostop, settings.autostop_check_seconds),)
    )


FEATURE = Feature(name="autostop", routers=(api.router, pages.router), start=start)
