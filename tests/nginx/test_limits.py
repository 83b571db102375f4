"""nginx refuses bodies that have no use before the control plane reads them."""

import asyncio
import json
from collections.abc import AsyncIterator

import httpx
import pytest
from aiohttp import web

from tests.support.control_plane import ControlPlane
from tests.support.nginx import HAS_IPV6, Addresses, running_nginx
from tests.support.process import free_port

MB = 1_000_000
TOO_LARGE = (413, "too_large")


async def refused(
    client: httpx.AsyncClient, path: str, content: bytes | AsyncIterator[bytes]
) -> tuple[int, str]:
    """Return the status and the error code of nginx itself, whose errors carry no details beyond the request id."""
    response = await client.post(path, content=content)
    assert response.headers["Server"] == "nginx"
    return response.status_code, response.json()["error"]["code"]


async def in_chunks(size: int) -> AsyncIterator[bytes]:
    for _ in range(size // 1000):
        yield b"x" * 1000


@pytest.fixture
async def visitor(addresses: Addresses) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=addresses.dashboard, timeout=30) as client:
        yield client


@pytest.mark.parametrize("path", ["/api/presets", "/api/presets/from-workflow", "/api/nothing", "/"])
async def test_a_large_body_without_credentials_is_refused(visitor: httpx.AsyncClient, path: str) -> None:
    assert await refused(visitor, path, b"x" * 100_000) == TOO_LARGE
    assert await refused(visitor, path, in_chunks(1000)) == TOO_LARGE


async def test_a_sign_in_takes_small_bodies_only(visitor: httpx.AsyncClient) -> None:
    assert await refused(visitor, "/api/auth/login", b"x" * 70_000) == TOO_LARGE
    assert await refused(visitor, "/_pod/sign-in", b"x" * 70_000) == TOO_LARGE
    wrong = await visitor.post("/api/auth/login", json={"password": "wrong"})
    assert (wrong.status_code, wrong.json()["error"]["code"]) == (401, "wrong_password")


async def test_with_a_sign_in_a_workflow_may_be_large_and_other_bodies_may_not(
    visitor: httpx.AsyncClient, pod: ControlPlane
) -> None:
    visitor.headers["Authorization"] = pod.client.headers["Authorization"]
    read = await visitor.post("/api/presets/from-workflow", content=b" " * 10 * MB + b"{}")
    assert (read.status_code, read.json()["error"]["code"]) == (400, "not_a_workflow")
    assert await refused(visitor, "/api/presets/from-workflow", b"x" * 18 * MB) == TOO_LARGE
    assert await refused(visitor, "/api/downloads", b"x" * 3 * MB) == TOO_LARGE


async def test_a_slow_sign_in_does_not_reach_the_control_plane(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """Nothing is passed on before the whole body has arrived."""
    reached = asyncio.Event()

    async def note(_request: web.Request) -> web.Response:
        reached.set()
        return web.json_response({})

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", note)
    runner = web.AppRunner(app)
    await runner.setup()
    port = free_port()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    folder = tmp_path_factory.mktemp("slow") / "nginx"
    with running_nginx(folder, port, free_port()) as addresses:
        url = httpx.URL(addresses.dashboard)
        reader, writer = await asyncio.open_connection(url.host, url.port)
        body = json.dumps({"password": "x"}).encode()
        head = f"POST /api/auth/login HTTP/1.1\r\nHost: pod\r\nContent-Length: {len(body)}\r\n\r\n"
        writer.write(head.encode() + body[:-1])
        await writer.drain()
        async with httpx.AsyncClient(base_url=addresses.dashboard) as client:
            reached.clear()
            assert (await client.get("/healthz")).status_code == 200  # nginx has handled what came before
        reached.clear()
        writer.write(body[-1:])
        assert (await reader.readline()).split()[1] == b"200"
        assert reached.is_set()
        writer.close()
    await runner.cleanup()


async def test_an_upload_to_comfyui_has_no_limit_here(addresses: Addresses, pod: ControlPlane) -> None:
    async with httpx.AsyncClient(base_url=addresses.comfyui, timeout=60) as client:
        signed_in = {"Authorization": pod.client.headers["Authorization"]}
        accepted = await client.post("/upload/image", content=b"x" * 30 * MB, headers=signed_in)
        assert accepted.status_code == 200, accepted.text
        assert accepted.json()["bytes"] == 30 * MB
        stranger = await client.post("/upload/image", content=b"x" * 30 * MB)
        assert (stranger.status_code, stranger.json()["error"]["code"]) == (401, "sign_in_required")


@pytest.mark.skipif(not HAS_IPV6, reason="this machine has no IPv6")
async def test_ipv6_reaches_the_same_pages(addresses: Addresses) -> None:
    async with httpx.AsyncClient(base_url=addresses.dashboard_ipv6) as client:
        assert (await client.get("/healthz")).json()["status"] == "ok"


async def test_health_can_be_asked_by_head(visitor: httpx.AsyncClient) -> None:
    for path in ("/healthz", "/readyz"):
        response = await visitor.head(path)
        assert (response.status_code, response.content) == (200, b"")
