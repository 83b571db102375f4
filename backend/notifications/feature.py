"""Notifications as a feature."""

from backend.activity.service import Activity
from backend.notifications import api, pages, sockets
from backend.notifications.apprise_sender import AppriseSender
from backend.notifications.browsers import Browsers
from backend.notifications.service import Notifications, Senders
from backend.notifications.store import ChannelFile, ProgressFile
from backend.notifications.timing import Timing
from backend.notifications.webhook_sender import WebhookSender
from backend.notifications.worker import NotificationWorker
from backend.settings.sections import Section, SettingsSections
from backend.system.services import Services
from backend.web.features import Context, Feature, Running

TIMING = Timing()
SECTION = Section(
    id="notifications",
    title="Notifications",
    summary="Messages to your phone, chat, browser or another program. What happens at about the same time is one message.",
    template="notifications/_channels.html",
    view=lambda registry: pages.notifications_view(registry.get(Notifications)),
)


async def start(context: Context) -> Running:
    registry, settings, path = context.registry, context.settings, context.paths.notifications
    browsers = Browsers()
    notifications = Notifications(
        ChannelFile(path),
        ProgressFile(settings.state_folder / "notifications-progress.json"),
        registry.get(Services),
        registry.get(Activity),
        Senders(
            apprise=AppriseSender(),
            webhook=WebhookSender(allowed_hosts=settings.download_allowed_hosts),
            browser=browsers,
        ),
        persistent=path.is_relative_to(settings.workspace),
    )
    registry.get(SettingsSections).add(SECTION, before="api-keys")
    pod = settings.runpod_pod_id or settings.container_id or ""
    worker = NotificationWorker(notifications, registry.get(Activity), pod, TIMING)
    return Running(
        services=(notifications, browsers),
        channels=(browsers,),
        background=(notifications.hide_secrets, worker.follow, worker.send),
    )


FEATURE = Feature(name="notifications", routers=(api.router, pages.router, sockets.router), start=start)
