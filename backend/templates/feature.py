"""The templates feature: the sources of workflows on this pod."""

from backend.comfy.client import ComfyClient
from backend.presets.requirements import Requirements
from backend.presets.service import Presets
from backend.templates import api
from backend.templates.folder import WorkflowsFolder
from backend.templates.official import OfficialTemplates
from backend.templates.saved import SavedWorkflows
from backend.templates.service import Templates
from backend.templates.uploads import UploadedTemplates
from backend.templates.workflows_yaml import WorkflowsYaml
from backend.web.features import Context, Feature, Running

FOLDER = "workflows"


async def start(context: Context) -> Running:
    registry, workspace = context.registry, context.settings.workspace
    comfy = registry.get(ComfyClient)
    templates = Templates(
        [
            WorkflowsYaml(workspace),
            SavedWorkflows(comfy),
            WorkflowsFolder(workspace / FOLDER),
            OfficialTemplates(),
        ],
        UploadedTemplates(context.paths.templates),
        comfy,
        registry.get(Presets),
        registry.get(Requirements),
    )
    return Running(services=(templates,))


FEATURE = Feature(name="templates", routers=(api.router,), start=start)
