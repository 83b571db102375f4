"""Wire the system feature: the machine, its services and their logs."""

from functools import partial

from backend.activity.service import Activity
from backend.comfy.client import ComfyClient
from backend.config.settings import Settings
from backend.system import api, pages, price_api, price_pages, sockets
from backend.system.addresses import Addresses
from backend.system.comfyui import ComfyStatus
from backend.system.database_watch import DatabaseWatch
from backend.system.incidents import Incidents
from backend.system.model_paths import ModelPaths
from backend.system.price import PodPrice, Price, started_at
from backend.system.safe_mode import SafeMode
from backend.system.sampler import Sampler
from backend.system.service import System
from backend.system.services import Services
from backend.system.supervisor import Supervisor
from backend.web.features import Context, Feature, Running
from backend.web.templating import PageValues
from backend.web.ticker import publish_every


async def start(context: Context) -> Running:
    settings = context.settings
    services = Services(
        Supervisor(settings.supervisor_socket),
        settings.run_dir,
        settings.log_dir,
        context.registry.get(Activity),
    )
    comfy = ComfyStatus(context.registry.get(ComfyClient), services)
    database = DatabaseWatch(context.database)
    system = System(settings.workspace, settings.run_dir, comfy, services, database, settings.problems)
    sampler = Sampler(system, Incidents(context.registry.get(Activity)))
    price = _price(context)
    context.registry.get(PageValues).share("pod_session", price.session)
    channel, logs = sockets.SystemChannel(), sockets.LogChannel()
    return Running(
        services=(
            services,
            comfy,
            system,
            sampler,
            price,
            channel,
            logs,
            ModelPaths(settings.workspace),
            SafeMode(settings.run_dir, settings.safe_mode),
            _addresses(settings),
            pages.Development(enabled=settings.development),
        ),
        channels=(channel, logs),
        background=(
            database.run,
            sampler.run,
            partial(publish_every, sockets.SECONDS, channel, partial(sockets.frame, system)),
        ),
    )


def _price(context: Context) -> PodPrice:
    settings = context.settings
    default = (
        Price(per_hour=settings.price_per_hour, currency=settings.price_currency)
        if settings.price_per_hour
        else None
    )
    return PodPrice(context.paths.price, default, started_at(in_pod=settings.supervisor_socket.is_socket()))


def _addresses(settings: Settings) -> Addresses:
    mapped = (settings.vast_tcp_port_3001, settings.vast_tcp_port_8081, settings.vast_tcp_port_8889)
    return Addresses(
        runpod_pod=settings.runpod_pod_id, mapped=dict(zip((3001, 8081, 8889), mapped, strict=True))
    )


FEATURE = Feature(
    name="system",
    routers=(
        api.public_router,
        api.router,
        api.logs_router,
        price_api.router,
        sockets.router,
        sockets.logs_router,
        pages.router,
        pages.logs_router,
        price_pages.router,
    ),
    start=start,
)
