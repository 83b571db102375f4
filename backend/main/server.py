"""Runs the application under uvicorn."""

import contextlib
import ctypes
import os
from pathlib import Path
from types import FrameType

import structlog
import uvicorn
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from backend.auth.installation import access_password
from backend.config.settings import Settings
from backend.core.process_lock import held
from backend.main.app import create_app
from backend.web.features import Application

log = structlog.get_logger(__name__)

# The supervisor gives us one second more.
GRACEFUL_SECONDS = 2
M_ARENA_MAX = -8  # from malloc.h


class Server(uvicorn.Server):
    """uvicorn, but WebSockets are closed with "going away" before their connections are."""

    def __init__(self, config: uvicorn.Config, app: Application):
        super().__init__(config)
        self._app = app

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self._app.close_channels()
        super().handle_exit(sig, frame)


def config_of(app: Application, settings: Settings) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        loop="uvloop",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        ws_per_message_deflate=False,  # it takes 300 kB for each WebSocket
        timeout_graceful_shutdown=GRACEFUL_SECONDS,
    )


def serve(settings: Settings) -> None:
    """Until a signal. Raise `AlreadyRunning` when another process works on the same state."""
    share_arena()
    address = address_of(settings)
    with held(state_hold(settings), f"the control plane at {address}, process {os.getpid()}"):
        app = create_app(settings)
        server = Server(config_of(app, settings), app)
        _greet(settings)
        server.run()


def serve_reason(reason: str) -> None:
    """What keeps the control plane from starting, at every address of it, until a signal."""

    async def tell(scope: Scope, receive: Receive, send: Send) -> None:
        await PlainTextResponse(reason, status_code=503)(scope, receive, send)

    host, port = os.environ.get("HOST", "127.0.0.1"), int(os.environ.get("PORT", "8001"))
    uvicorn.run(tell, host=host, port=port, lifespan="off", log_level="warning", timeout_graceful_shutdown=1)


def state_hold(settings: Settings) -> Path:
    """Who holds this file has the database and moves the transfers that are in it."""
    return settings.state_folder / "in-use"


def address_of(settings: Settings) -> str:
    """Return the address of the control plane on this machine."""
    host = "localhost" if settings.host in ("127.0.0.1", "0.0.0.0", "::") else settings.host  # noqa: S104
    return f"http://{host}:{settings.port}"


def share_arena() -> None:
    """Let all threads share one of glibc's arenas: with one for each, large downloads keep 10 to 15 MB more."""
    with contextlib.suppress(OSError, AttributeError):  # another C library
        ctypes.CDLL(None).mallopt(M_ARENA_MAX, 1)


def _greet(settings: Settings) -> None:
    """Where to look, and the password if we made it up. Printed, so that it stands out in any log."""
    print(f"ComfyPod control plane: {address_of(settings)}", flush=True)  # noqa: T201
    if settings.access_password is None:
        password = access_password(settings)
        print(f"Generated password: {password}  (set ACCESS_PASSWORD to choose your own)", flush=True)  # noqa: T201
