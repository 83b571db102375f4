"""Jobs as a feature: the queue, and the worker that runs it at this pod's ComfyUI."""

from backend.activity.service import Activity
from backend.comfy.client import ComfyClient
from backend.core.journal import Journal
from backend.jobs import api, sockets
from backend.jobs.history import JobHistory
from backend.jobs.lifecycle import Lifecycle
from backend.jobs.live import Live
from backend.jobs.output_files import JobOutputFiles
from backend.jobs.results import Results
from backend.jobs.service import Jobs
from backend.jobs.store import JobStore
from backend.jobs.watch import JobWatch
from backend.jobs.worker import Worker
from backend.web.features import Context, Feature, Running

JOURNAL = "jobs/journal.jsonl"
OUTPUTS = "ComfyUI/output/jobs"


async def start(context: Context) -> Running:
    events, comfy = context.events, context.registry.get(ComfyClient)
    workspace = context.settings.workspace
    store = JobStore(context.database, Journal(workspace / ".comfypod" / JOURNAL))
    await store.prepare()
    lifecycle = Lifecycle(store, events)
    jobs = Jobs(store, lifecycle, events)
    await jobs.load()
    JobHistory(context.registry.get(Activity), events)
    watch, channel = JobWatch(events), sockets.JobsChannel(events)
    worker = Worker(jobs, lifecycle, comfy, Results(comfy, workspace / OUTPUTS), Live(events))
    return Running(
        services=(jobs, watch, channel, JobOutputFiles(workspace / OUTPUTS)),
        channels=(channel, watch),
        background=(worker.run,),
    )


FEATURE = Feature(name="jobs", routers=(api.router, sockets.router), start=start)
