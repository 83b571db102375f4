"""Support as a feature."""

from backend.activity.service import Activity
from backend.downloads.service import Downloads
from backend.jobs.service import Jobs
from backend.settings.sections import Section, SettingsSections
from backend.support import api
from backend.support.information import facts_of
from backend.support.service import SupportBundle
from backend.system.sampler import Sampler
from backend.system.services import Services
from backend.web.features import Context, Feature, Registry, Running


def _view(registry: Registry) -> dict[str, object]:
    system = registry.get(Sampler).view()
    return {"facts": facts_of(system) if system else []}


SECTION = Section(
    id="system",
    title="System",
    summary="What runs here, and everything that is needed to help you.",
    template="support/_system.html",
    view=_view,
)


async def start(context: Context) -> Running:
    registry = context.registry
    registry.get(SettingsSections).add(SECTION)
    bundle = SupportBundle(
        context.settings,
        registry.get(Services),
        registry.get(Sampler),
        registry.get(Activity),
        registry.get(Downloads),
        registry.get(Jobs),
    )
    return Running(services=(bundle,))


FEATURE = Feature(name="support", routers=(api.router,), start=start)
