"""Wire metrics."""

from backend.downloads.service import Downloads
from backend.jobs.service import Jobs
from backend.metrics import api
from backend.metrics.service import PodMetrics
from backend.system.price import PodPrice
from backend.system.sampler import Sampler
from backend.web.features import Context, Feature, Running
from backend.web.metrics import Metrics


async def start(context: Context) -> Running:
    registry = context.registry
    metrics = PodMetrics(
        registry.get(Metrics),
        registry.get(Jobs),
        registry.get(Downloads),
        registry.get(Sampler),
        registry.get(PodPrice),
        context.events,
    )
    return Running(services=(metrics,))


FEATURE = Feature(name="metrics", routers=(api.router,), start=start)
