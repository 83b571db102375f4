"""The jobs feature: the queue, and the worker that runs its jobs on this pod's ComfyUI."""

import socket

from backend.activity.service import Activity
from backend.comfy.client import ComfyClient
from backend.core.journal import Journal
from backend.downloads.service import Downloads
from backend.downloads.transfer_start import TransferStart
from backend.jobs import api, batches_api, queue_api, sockets
from backend.jobs.batches import Batches
from backend.jobs.comfy_activity import ComfyActivity
from backend.jobs.deferred import DeferredJobs
from backend.jobs.download_watch import DownloadWatch
from backend.jobs.estimates import Estimates
from backend.jobs.folder.claims import Claims
from backend.jobs.folder.importer import JobFileImporter
from backend.jobs.folder.worker import JobFolder
from backend.jobs.history import JobHistory
from backend.jobs.journal_takeover import SUFFIX, JournalTakeover
from backend.jobs.lifecycle import Lifecycle
from backend.jobs.live import Live
from backend.jobs.missing_models import MissingModelDownloads
from backend.jobs.ordering import Ordering
from backend.jobs.output_files import JobOutputFiles
from backend.jobs.pages import actions, batch, compare, job, new, queue
from backend.jobs.pages import schedules as schedule_pages
from backend.jobs.pages import settings as settings_pages
from backend.jobs.pages import webhooks as webhook_pages
from backend.jobs.reruns import Reruns
from backend.jobs.results import Results
from backend.jobs.schedules.api import router as schedules_router
from backend.jobs.schedules.runs import ScheduleRuns
from backend.jobs.schedules.service import Schedules
from backend.jobs.schedules.worker import ScheduleWorker
from backend.jobs.selection import Selection
from backend.jobs.service import Jobs
from backend.jobs.store import JobStore
from backend.jobs.submission import Submission
from backend.jobs.watch import JobWatch
from backend.jobs.webhooks.api import router as webhooks_router
from backend.jobs.webhooks.outbox import Outbox
from backend.jobs.webhooks.secret import SigningSecret
from backend.jobs.webhooks.sender import WebhookSender
from backend.jobs.webhooks.service import Webhooks
from backend.jobs.webhooks.store import DeliveryStore
from backend.jobs.worker import Worker
from backend.presets.requirements import Requirements
from backend.templates.service import Templates
from backend.web.features import Context, Feature, Running

OUTPUTS = "ComfyUI/output/jobs"


async def start(context: Context) -> Running:
    events, comfy = context.events, context.registry.get(ComfyClient)
    workspace = context.settings.workspace
    # Each container has a host name of its own, and keeps it when it is restarted.
    journal = context.paths.jobs / f"{socket.gethostname()}{SUFFIX}"
    store = JobStore(context.database, Journal(journal))
    await store.prepare()
    lifecycle = Lifecycle(store, events)
    downloads = context.registry.get(Downloads)
    jobs = Jobs(
        store, lifecycle, events, MissingModelDownloads(context.registry.get(Requirements), downloads)
    )
    await jobs.load()
    context.stack.push_async_callback(jobs.close)
    deliveries, secret = DeliveryStore(context.database), SigningSecret(store)
    await deliveries.prepare()
    webhooks = Webhooks(store, jobs.policy)
    await webhooks.load()
    outbox = Outbox(jobs, webhooks, deliveries, events)
    templates, schedules = context.registry.get(Templates), Schedules(store)
    await schedules.load()
    activity = context.registry.get(Activity)
    history = JobHistory(jobs, activity, events)
    sender = WebhookSender(jobs, webhooks, deliveries, outbox, secret, activity)
    submission = Submission(jobs, templates)
    runs = ScheduleRuns(schedules, submission)
    importer = JobFileImporter(jobs, submission, Claims(journal))
    folder = JobFolder(workspace, workspace / OUTPUTS, jobs, importer, activity, events)
    watch, live = JobWatch(events), Live(events)
    channel = sockets.JobsChannel(jobs, live, events)
    worker = Worker(jobs, lifecycle, comfy, Results(comfy, workspace / OUTPUTS), live)
    return Running(
        services=(
            jobs,
            schedules,
            runs,
            webhooks,
            deliveries,
            sender,
            secret,
            submission,
            Batches(store, lifecycle, jobs),
            watch,
            live,
            channel,
            Estimates(store, events),
            Ordering(store, lifecycle, events),
            Reruns(jobs),
            Selection(store, lifecycle, jobs),
            ComfyActivity(comfy, jobs),
            JobOutputFiles(workspace / OUTPUTS),
        ),
        channels=(channel, watch),
        background=(
            worker.run,
            channel.run,
            JournalTakeover(
                journal, store, lifecycle, reload=(jobs.take_over, schedules.load, webhooks.load)
            ).run,
            ScheduleWorker(schedules, runs, activity).run,
            history.run,
            outbox.run,
            sender.run,
            DeferredJobs(jobs, lifecycle, templates, events).run,
            DownloadWatch(lifecycle, downloads, context.registry.get(TransferStart), events).run,
            folder.run,
        ),
    )


FEATURE = Feature(
    name="jobs",
    routers=(
        queue_api.settings_router,
        queue_api.router,
        api.router,
        batches_api.router,
        sockets.router,
        schedules_router,
        webhooks_router,
        queue.router,
        schedule_pages.router,
        webhook_pages.router,
        settings_pages.router,
        compare.router,
        new.router,
        actions.router,
        batch.router,
        job.router,
    ),
    start=start,
)
