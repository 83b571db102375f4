"""The overview as a feature: it starts last, because it reads from the others."""

from backend.activity.service import Activity
from backend.downloads.service import Downloads
from backend.jobs.service import Jobs
from backend.overview import pages
from backend.overview.service import OverviewService, Sources
from backend.provisioning.service import Provisioning
from backend.settings.service import TokenSettings
from backend.system.sampler import Sampler
from backend.web.features import Context, Feature, Running


async def start(context: Context) -> Running:
    registry = context.registry
    sources = Sources(
        sampler=registry.get(Sampler),
        downloads=registry.get(Downloads),
        jobs=registry.get(Jobs),
        tokens=registry.get(TokenSettings),
        provisioning=registry.get(Provisioning),
        activity=registry.get(Activity),
    )
    return Running(services=(OverviewService(sources, context.events),))


FEATURE = Feature(name="overview", routers=(pages.router,), start=start)
