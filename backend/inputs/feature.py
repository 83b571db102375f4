"""Input files as a feature."""

from backend.inputs import api
from backend.inputs.files import InputFiles
from backend.web.features import Context, Feature, Running


async def start(context: Context) -> Running:
    return Running(services=(InputFiles(context.settings.workspace / "ComfyUI/input"),))


FEATURE = Feature(name="inputs", routers=(api.router,), start=start)
