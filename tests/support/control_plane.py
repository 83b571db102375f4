"""Run the real control plane on a loopback port, in the test's own event loop."""

import asyncio
import itertools
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import uvicorn
import websockets
from anyio.from_thread import start_blocking_portal
from pydantic import SecretStr

from backend.config.settings import Settings
from backend.main.app import create_app
from backend.main.openapi import openapi_of
from backend.main.server import Server
from backend.web.features import Application

PASSWORD = "correct horse battery staple"


class ReadyServer(Server):
    """Signals when it listens, and stops at once, while uvicorn polls ten times a second."""

    def __init__(self, config: uvicorn.Config, app: Application):
        super().__init__(config, app)
        self.ready = asyncio.Event()
        self.leave = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.ready.set()

    async def main_loop(self) -> None:
        await self.on_tick(0)
        await self.leave.wait()


class ControlPlane:
    """A running control plane and a signed-in client for it.

    Every answer of the API is held against the OpenAPI document: an undeclared status fails the test.
    """

    def __init__(self, app: Application, url: str, settings: Settings):
        self.app = app
        self.url = url
        self.settings = settings
        self.models = settings.models_folder
        self.client = self.anonymous()
        self._token = ""
        self._key_numbers = itertools.count(1)

    def anonymous(self, **headers: str) -> httpx.AsyncClient:
        return httpx.AsyncClient(
            base_url=self.url,
            headers=headers,
            timeout=30,
            verify=False,  # plain HTTP: loading certificates for each test would cost more than the test
            event_hooks={"response": [self._check_declared]},
        )

    def blocking(self) -> httpx.Client:
        """Return a signed-in client for tests without an event loop."""
        return httpx.Client(
            base_url=self.url,
            headers={"Authorization": f"Bearer {self._token}"},
            timeout=60,
            verify=False,
            event_hooks={"response": [_check_declared]},
        )

    async def sign_in(self) -> None:
        answer = await self.client.post("/api/auth/login", json={"password": PASSWORD})
        self._token = answer.json()["access_token"]
        self.client.cookies.clear()
        self.client.headers["Authorization"] = f"Bearer {self._token}"

    async def create_key(self, *scopes: str, **wanted: Any) -> str:
        """Return the secret of a new API key."""
        name = f"key {next(self._key_numbers)}"
        response = await self.client.post("/api/keys", json={"name": name, "scopes": scopes, **wanted})
        assert response.status_code == 201, response.text
        secret: str = response.json()["secret"]
        return secret

    @property
    def openapi(self) -> dict[str, Any]:
        """Return the paths of the OpenAPI document."""
        return _documented()

    def socket(self, path: str) -> Any:
        """Return an async context manager for a signed-in WebSocket."""
        address = self.url.replace("http://", "ws://") + path
        return websockets.connect(address, additional_headers={"Authorization": f"Bearer {self._token}"})

    async def download(self, **wanted: Any) -> dict[str, Any]:
        answer = await self.client.post("/api/downloads", json=wanted)
        assert answer.status_code == 202, answer.text
        body: dict[str, Any] = answer.json()
        return body

    async def until(self, transfer_id: str, wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """Watch a transfer on its WebSocket until `wanted` is true."""
        async with asyncio.timeout(60), self.socket(f"/ws/downloads/{transfer_id}") as frames:
            async for _ in frames:
                answer = await self.client.get(f"/api/downloads/{transfer_id}")
                transfer: dict[str, Any] = answer.json()
                if wanted(transfer):
                    return transfer
        raise AssertionError("the socket was closed before the transfer was as wanted")

    async def finished(self, transfer_id: str) -> dict[str, Any]:
        """Return the transfer once it has ended or needs a user."""
        over = {"done", "failed", "cancelled", "quarantined", "paused"}
        return await self.until(transfer_id, lambda transfer: transfer["state"] in over)

    def leftovers(self) -> list[str]:
        """Return the names of leftover files that only an unfinished transfer may have."""
        suffixes = (".part", ".tmp")
        return sorted(path.name for path in self.models.rglob("*") if path.suffix in suffixes)

    async def _check_declared(self, response: httpx.Response) -> None:
        _check_declared(response)


def _check_declared(response: httpx.Response) -> None:
    path = response.request.url.path
    declared = _operation(_documented(), path, response.request.method)
    if declared is not None:
        assert str(response.status_code) in declared["responses"], (
            f"{response.request.method} {path} answered {response.status_code}, which its OpenAPI does not declare"
        )


@cache
def _documented() -> dict[str, Any]:
    """Return the paths of the OpenAPI document, cached because it takes half a second to build."""
    paths = openapi_of(create_app(Settings(access_password=SecretStr(PASSWORD))))["paths"]
    assert isinstance(paths, dict)
    return paths


def _operation(paths: dict[str, Any], path: str, method: str) -> dict[str, Any] | None:
    """Return the documented operation; literal paths take precedence over those with parameters."""
    parts = path.split("/")
    for template in sorted(paths, key=lambda name: name.count("{")):
        expected = template.split("/")
        if len(parts) == len(expected) and all(
            e == p or e.startswith("{") for e, p in zip(expected, parts, strict=True)
        ):
            found: dict[str, Any] | None = paths[template].get(method.lower())
            return found
    return None


@asynccontextmanager
async def running_control_plane(workspace: Path, **settings: Any) -> AsyncIterator[ControlPlane]:
    """Run a control plane with a signed-in client, and stop it as a signal does. `settings` are fields of `Settings`."""
    chosen = Settings(
        **{
            "workspace": workspace,
            "run_dir": workspace / "run",
            "supervisor_socket": workspace / "run/supervisor.sock",
            "log_dir": workspace / "logs",
            "access_password": PASSWORD,
            "download_retry_seconds": 0.01,
            # Tests stall downloads on purpose, on machines that may be busy.
            "download_stall_seconds": 300,
            "comfyui_url": "http://127.0.0.1:9",
            **settings,
        }
    )
    app = create_app(chosen)
    listener = socket.create_server(("127.0.0.1", 0))
    # On a busy machine a test may pause for longer than uvicorn's keep-alive timeout of five seconds.
    config = uvicorn.Config(app, log_config=None, access_log=False, timeout_keep_alive=300)
    server = ReadyServer(config, app)
    task = asyncio.create_task(server.serve(sockets=[listener]))
    ready = asyncio.create_task(server.ready.wait())
    await asyncio.wait([task, ready], return_when=asyncio.FIRST_COMPLETED)
    if task.done():
        task.result()
    plane = ControlPlane(app, f"http://127.0.0.1:{listener.getsockname()[1]}", chosen)
    try:
        await plane.sign_in()
        yield plane
    finally:
        await plane.client.aclose()
        app.close_channels()
        server.leave.set()
        await task
        listener.close()


@contextmanager
def control_plane_in_a_thread(workspace: Path, **settings: Any) -> Iterator[ControlPlane]:
    """Run a control plane in a thread, for tests without an event loop."""
    with (
        start_blocking_portal() as portal,
        portal.wrap_async_context_manager(running_control_plane(workspace, **settings)) as plane,
    ):
        yield plane
