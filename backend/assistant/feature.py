"""The assistant as a feature. At start it only checks for turns that an earlier process did not finish."""

import asyncio
from functools import partial

import structlog

from backend.activity.service import Activity
from backend.assistant import api, pages, sockets
from backend.assistant.preferences import SavedPreferences
from backend.assistant.process import AgentsProcess
from backend.assistant.service import Assistant
from backend.auth.service import Authentication
from backend.conversations.agents_config import FOLDER
from backend.system.services import Services
from backend.web.features import Context, Feature, Running

log = structlog.get_logger(__name__)

# The check waits until the start of the pod is over.
SETTLED_SECONDS = 2.0


async def start(context: Context) -> Running:
    registry, settings = context.registry, context.settings
    key = settings.anthropic_api_key
    assistant = Assistant(
        settings.state_folder / FOLDER,
        SavedPreferences(context.paths.assistant, key.get_secret_value() if key else ""),
        registry.get(Authentication).keys,
        AgentsProcess(settings, registry.get(Services)),
        registry.get(Activity),
        context.stack,
    )
    context.stack.push_async_callback(assistant.close)
    channel = sockets.AssistantChannel()
    return Running(
        services=(assistant, channel), channels=(channel,), background=(partial(_resume, assistant),)
    )


async def _resume(assistant: Assistant) -> None:
    await asyncio.sleep(SETTLED_SECONDS)
    try:
        await assistant.resume()
    except Exception:
        log.exception("conversations could not be resumed")


FEATURE = Feature(name="assistant", routers=(api.router, sockets.router, pages.router), start=start)
