"""A control plane inside the command, where none runs: the same application, in a thread, on a loopback port."""

import asyncio
import contextlib
import os
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import uvicorn

from backend.auth.service import Authentication
from backend.cli.errors import CommandError
from backend.cli.output import say
from backend.config.settings import Settings
from backend.core.logging import configure_logging
from backend.core.process_lock import AlreadyRunning, process_lock
from backend.core.volume_lock import LockedElsewhere, volume_lock
from backend.downloads.transfer_start import TransferStart
from backend.main.app import create_app
from backend.main.server import Server, config_of, lock_file_of, share_arena
from backend.web.features import Application


class EmbeddedServer(Server):
    """Runs in a thread until `stop`. Transfers start with `begin`."""

    def __init__(self, config: uvicorn.Config, app: Application):
        super().__init__(config, app)
        self._settled = threading.Event()
        self._thread = threading.Thread(target=self._run, name="control plane", daemon=True)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._loop: asyncio.AbstractEventLoop | None = None
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._transfer_start = app.registry.get(TransferStart)

    def start(self) -> bool:
        """Return whether it started. Transfers of an earlier run are recovered by then."""
        self._thread.start()
        self._settled.wait()
        return self.started

    def begin(self) -> None:
        self._call(self._transfer_start.allow)

    def stop(self) -> None:
        """Unfinished transfers keep what has arrived."""
        self._call(self._app.close_channels)
        self.should_exit = True
        self._thread.join()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        self._loop = asyncio.get_running_loop()
        await super().startup(sockets)
        await self._transfer_start.recovered.wait()
        self._settled.set()

    def _call(self, function: Callable[..., None], *arguments: object) -> None:
        if self._loop and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(function, *arguments)

    def _run(self) -> None:
        try:
            self.run(sockets=[self._listener])
        finally:
            self._listener.close()
            self._settled.set()


@dataclass(frozen=True, kw_only=True)
class EmbeddedControlPlane:
    """Its address, a session's token, and the function that starts transfers."""

    url: str
    token: str
    begin: Callable[[], None]


@contextlib.contextmanager
def embedded_control_plane(settings: Settings) -> Iterator[EmbeddedControlPlane]:
    """Run a control plane as long as the block lasts."""
    # It downloads what the command asks for, and not the presets that a pod downloads after its start.
    settings = settings.model_copy(update={"preset_download": ()})
    log = settings.state_folder / "command-line.log"
    with contextlib.ExitStack() as stack:
        try:
            _lock(stack, settings)
            stream = stack.enter_context(log.open("w", encoding="utf-8"))
            app = create_app(settings, services=(TransferStart(held=True),))
        except OSError as error:
            raise CommandError(
                f"{error.filename} cannot be written to: {error.strerror}. Set WORKSPACE or STATE_DIR to a folder that "
                "can, or COMFYPOD_URL to a control plane that runs."
            ) from None
        configure_logging(settings.log_level, settings.log_format, stream)
        share_arena()
        server = EmbeddedServer(config_of(app, settings), app)
        stack.callback(server.stop)
        if not server.start():
            raise CommandError(f"No control plane runs here, and none could be started: {log} says why.")
        token = app.registry.get(Authentication).token_of_this_process("comfypod")
        yield EmbeddedControlPlane(url=server.url, token=token, begin=server.begin)


def _lock(stack: contextlib.ExitStack, settings: Settings) -> None:
    """Keep other processes from this state, and commands on other machines from this volume."""
    volume = settings.workspace / ".comfypod" / "command.lock"
    try:
        stack.enter_context(
            process_lock(lock_file_of(settings), f"another comfypod command, process {os.getpid()}")
        )
        if volume.exists():
            say("Another command uses this volume, or was killed. Checking…")
        stack.enter_context(volume_lock(volume, wait=0))
    except AlreadyRunning as error:
        raise CommandError(
            f"{settings.state_folder} is in use: {error}. If that is a control plane, set COMFYPOD_URL to its address; "
            "if it is another command, wait until it ends."
        ) from None
    except LockedElsewhere as error:
        raise CommandError(
            f"Another comfypod command uses {settings.workspace}: {error}. Wait until it ends."
        ) from None
