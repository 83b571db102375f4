"""The pod's nginx in front of a control plane and of a service that describes each request."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from aiohttp import web

from tests.support.control_plane import PASSWORD, ControlPlane, running_control_plane
from tests.support.nginx import NGINX, Addresses, running_nginx
from tests.support.process import free_port


@pytest.fixture(autouse=True)
def nginx_is_there() -> None:
    if not NGINX:
        pytest.skip("nginx is not installed")


async def describe(request: web.Request) -> web.StreamResponse:
    """Answer in place of ComfyUI with what reached it; open and close a WebSocket."""
    if "upgrade" in request.headers.get("Connection", ""):
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await socket.close()
        return socket
    size = len(await request.read())
    return web.json_response({"method": request.method, "headers": dict(request.headers), "bytes": size})


@pytest.fixture
async def service() -> AsyncIterator[int]:
    """Yield the port of a service that is up."""
    app = web.Application(client_max_size=2**30)
    app.router.add_route("*", "/{path:.*}", describe)
    runner = web.AppRunner(app)
    await runner.setup()
    port = free_port()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    yield port
    await runner.cleanup()


@pytest.fixture
async def pod(tmp_path: Path) -> AsyncIterator[ControlPlane]:
    async with running_control_plane(tmp_path / "workspace") as plane:
        yield plane


@pytest.fixture
def addresses(tmp_path: Path, pod: ControlPlane, service: int) -> Iterator[Addresses]:
    with running_nginx(tmp_path / "nginx", httpx.URL(pod.url).port or 0, service) as running:
        yield running


@asynccontextmanager
async def signed_in_browser(addresses: Addresses) -> AsyncIterator[httpx.AsyncClient]:
    """Its cookie is good for every port, as a cookie is."""
    async with httpx.AsyncClient(base_url=addresses.comfyui, timeout=30) as browser:
        answer = await browser.post("/_pod/sign-in", data={"password": PASSWORD})
        assert answer.status_code == 303
        yield browser
