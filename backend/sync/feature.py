"""Cloud sync as a feature."""

from backend.activity.service import Activity
from backend.config.settings import Settings
from backend.jobs.models import JobChanged, JobState
from backend.sync import api, pages
from backend.sync.models import Choice, Folder, When
from backend.sync.remotes import Remotes, environment_remote
from backend.sync.service import Sync
from backend.sync.store import SyncStore
from backend.system.services import Services
from backend.web.features import Context, Feature, Running

OUTPUT, WORKFLOWS = "ComfyUI/output", "ComfyUI/user/default/workflows"


async def start(context: Context) -> Running:
    settings, registry = context.settings, context.registry
    store = SyncStore(context.database)
    await store.prepare()
    remotes = Remotes(context.paths.sync, environment_remote(settings), _default(settings))
    sync = Sync(
        store,
        remotes,
        (
            Folder(name="output", path=settings.workspace / OUTPUT),
            Folder(name="workflows", path=settings.workspace / WORKFLOWS),
        ),
        registry.get(Activity),
        registry.get(Services),
        restores_at_start=settings.sync_restore,
    )

    def note(event: JobChanged) -> None:
        if event.job.state == JobState.SUCCEEDED:
            sync.job_ended()

    context.events.subscribe(JobChanged, note)
    return Running(services=(sync,), background=(sync.run,))


def _default(settings: Settings) -> Choice:
    return Choice(when=When(settings.sync_when), minutes=settings.sync_minutes, limit=settings.sync_limit)


FEATURE = Feature(name="sync", routers=(api.router, pages.router), start=start)
