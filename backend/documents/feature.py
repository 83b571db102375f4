"""Documents as a feature: workflows with immutable versions."""

from functools import partial

from backend.activity.service import Activity
from backend.comfy.client import ComfyClient
from backend.documents import api
from backend.documents.node_types import NodeTypeSource
from backend.documents.opening import Opening
from backend.documents.runs import Runs
from backend.documents.service import Documents
from backend.documents.store import DocumentIndex
from backend.documents.version_files import VersionFiles
from backend.documents.worker import follow_volume
from backend.jobs.service import Jobs
from backend.jobs.submission import Submission
from backend.templates.service import Templates
from backend.web.features import Context, Feature, Running


async def start(context: Context) -> Running:
    registry = context.registry
    comfy, jobs = registry.get(ComfyClient), registry.get(Jobs)
    files, index = VersionFiles(context.paths.workflows), DocumentIndex(context.database)
    await index.prepare()
    node_types = NodeTypeSource(comfy)
    documents = Documents(files, index, node_types, registry.get(Activity), context.events)
    return Running(
        services=(
            documents,
            node_types,
            Opening(documents, comfy, registry.get(Templates), jobs),
            Runs(documents, node_types, comfy, registry.get(Submission)),
        ),
        background=(partial(follow_volume, files, index),),
    )


FEATURE = Feature(name="documents", routers=(api.router,), start=start)
