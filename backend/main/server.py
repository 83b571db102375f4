"""Run the application under uvicorn."""

import contextlib
import ctypes
import gc
import os
import socket
from pathlib import Path
from types import FrameType

import structlog
import uvicorn
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from backend.auth.installation import access_password
from backend.config.settings import Settings
from backend.core.process_lock import process_lock
from backend.main.app import create_app
from backend.web.features import Application

log = structlog.get_logger(__name__)

# The supervisor kills the process one second later.
GRACEFUL_SECONDS = 2
M_ARENA_MAX = -8  # from malloc.h


class Server(uvicorn.Server):
    """A uvicorn server that closes WebSockets with "going away" before it closes connections.

    `alone`: the process does nothing else, so what exists after the start exists until the end.
    """

    def __init__(self, config: uvicorn.Config, app: Application, *, alone: bool = False):
        super().__init__(config)
        self._app = app
        self._alone = alone

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self._alone:
            # Otherwise every full collection looks through all of it, which stops requests for 0.15 s.
            gc.freeze()

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
        ws_per_message_deflate=False,  # it uses 300 kB per WebSocket
        timeout_graceful_shutdown=GRACEFUL_SECONDS,
    )


def serve(settings: Settings) -> None:
    """Serve until a signal arrives. Raise `AlreadyRunning` when another process uses the same state folder."""
    share_arena()
    address = address_of(settings)
    with process_lock(lock_file_of(settings), f"the control plane at {address}, process {os.getpid()}"):
        app = create_app(settings)
        server = Server(config_of(app, settings), app, alone=True)
        _greet(settings)
        server.run()


def serve_reason(reason: str) -> None:
    """Respond to every request with the reason why the control plane cannot start, until a signal arrives."""

    async def respond(scope: Scope, receive: Receive, send: Send) -> None:
        await PlainTextResponse(reason, status_code=503)(scope, receive, send)

    host, port = os.environ.get("HOST", "127.0.0.1"), int(os.environ.get("PORT", "8001"))
    uvicorn.run(
        respond, host=host, port=port, lifespan="off", log_level="warning", timeout_graceful_shutdown=1
    )


def lock_file_of(settings: Settings) -> Path:
    """Return the lock file: the process that holds it owns the database and runs its transfers."""
    return settings.state_folder / "in-use"


def address_of(settings: Settings) -> str:
    """Return the address of the control plane on this machine."""
    host = "localhost" if settings.host in ("127.0.0.1", "0.0.0.0", "::") else settings.host  # noqa: S104
    return f"http://{host}:{settings.port}"


def share_arena() -> None:
    """Let all threads share one glibc arena: with one arena per thread, large downloads use 10 to 15 MB more."""
    with contextlib.suppress(OSError, AttributeError):  # another C library
        ctypes.CDLL(None).mallopt(M_ARENA_MAX, 1)


def _greet(settings: Settings) -> None:
    """Print the address, and the password if it was generated. Not logged, so that it stands out in any log format."""
    print(f"ComfyPod control plane: {address_of(settings)}", flush=True)  # noqa: T201
    if settings.access_password is None:
        password = access_password(settings)
        print(f"Generated password: {password}  (set ACCESS_PASSWORD to choose your own)", flush=True)  # noqa: T201
