"""`python -m backend.agents`: work on conversations until no work is left, then exit."""

import asyncio
import sys
from pathlib import Path

import structlog
import uvicorn

from backend.agents.app import build
from backend.agents.custom_tools import CustomTools
from backend.agents.feed import Feed
from backend.agents.runner import Runner
from backend.agents.worker import Worker
from backend.config.settings import Settings, SettingsError, load_settings
from backend.conversations import agents_config
from backend.conversations.store import ConversationStore
from backend.core.async_tools import cancel_and_wait
from backend.core.database import open_database
from backend.core.logging import configure_logging
from backend.core.process_lock import AlreadyRunning, process_lock

log = structlog.get_logger("backend.agents")

HOST = "127.0.0.1"
GRACEFUL_SECONDS = 1


def main() -> int:
    try:
        settings = load_settings()
    except SettingsError as error:
        print(error, file=sys.stderr)  # noqa: T201
        return 2
    configure_logging(settings.log_level, settings.log_format)
    folder = settings.state_folder / agents_config.FOLDER
    try:
        with process_lock(folder / agents_config.LOCK, "the agents process"):
            asyncio.run(serve(settings, folder))
    except AlreadyRunning:
        log.info("the agents process runs already")
    return 0


async def serve(settings: Settings, folder: Path) -> None:
    """Serve the control plane until the work is done or a signal arrives."""
    path = folder / agents_config.CONFIG_FILE
    async with open_database(folder / agents_config.DATABASE) as database:
        store, feed = ConversationStore(database), Feed()
        await store.prepare()
        runner = Runner(store, feed, CustomTools(settings.workspace / "tools"))
        worker = Worker(store, runner, path, idle_seconds=settings.agents_idle_seconds)
        server = uvicorn.Server(_config(settings, build(worker, feed, lambda: _secret(path))))
        serving = asyncio.create_task(server.serve())
        working = asyncio.create_task(worker.run())
        await asyncio.wait([serving, working], return_when=asyncio.FIRST_COMPLETED)
        server.should_exit = server.force_exit = True
        await cancel_and_wait(working)
        await serving


def _secret(path: Path) -> str:
    try:
        return agents_config.read(path).secret
    except (OSError, ValueError):
        return "\0"  # no header can have it


def _config(settings: Settings, app: object) -> uvicorn.Config:
    return uvicorn.Config(
        app,  # type: ignore[arg-type] # an ASGI application
        host=HOST,
        port=settings.agents_port,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=GRACEFUL_SECONDS,
    )


if __name__ == "__main__":
    sys.exit(main())
