"""Request bodies are read only after authentication, and only up to a limit."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import psutil
import pytest

from tests.support.control_plane import PASSWORD, ControlPlane
from tests.support.process import running_process

MB = 1_000_000


async def in_chunks(size: int) -> AsyncIterator[bytes]:
    for _ in range(size // 100_000):
        yield b" " * 100_000


@pytest.mark.parametrize(
    ("path", "size"), [("/api/downloads", 2 * MB), ("/api/presets/from-workflow", 17 * MB)]
)
async def test_a_body_beyond_the_limit_is_rejected_announced_or_not(
    pod: ControlPlane, path: str, size: int
) -> None:
    headers = {"Content-Type": "application/json"}
    for content in (b" " * size, in_chunks(size)):
        response = await pod.client.post(path, content=content, headers=headers)
        assert (response.status_code, response.json()["error"]["code"]) == (413, "too_large")


async def test_the_body_of_a_sign_in_is_limited(pod: ControlPlane) -> None:
    async with pod.anonymous() as client:
        for content in (b" " * 20_000, in_chunks(MB)):
            response = await client.post(
                "/api/auth/login", content=content, headers={"Content-Type": "application/json"}
            )
            assert (response.status_code, response.json()["error"]["code"]) == (413, "too_large")
        password = "\u20ac" * 1024  # the longest one is possible, whatever its characters
        response = await client.post("/_pod/sign-in", data={"password": password})
        assert response.status_code == 401


async def test_an_anonymous_body_is_rejected_at_any_length(pod: ControlPlane) -> None:
    async with pod.anonymous() as client:
        response = await client.post("/api/downloads", content=b" " * 20 * MB)
    assert (response.status_code, response.json()["error"]["code"]) == (401, "sign_in_required")


async def test_a_form_for_htmx_gets_its_413_as_a_toast(pod: ControlPlane) -> None:
    response = await pod.client.post(
        "/downloads/add", data={"url-0": "x" * 2 * MB}, headers={"Accept": "text/html", "HX-Request": "true"}
    )
    assert response.status_code == 413
    assert "larger than 1 MiB" in response.headers["HX-Trigger"]


async def test_a_malformed_body_gets_the_usual_error_format(pod: ControlPlane) -> None:
    for content in (b"[" * 100_000, b"\xff", b'{"url": '):
        response = await pod.client.post(
            "/api/downloads", content=content, headers={"Content-Type": "application/json"}
        )
        assert (response.status_code, response.json()["error"]["code"]) == (400, "invalid_request")


@pytest.mark.slow
async def test_anonymous_bodies_cannot_fill_the_memory(tmp_path: Path) -> None:
    """60 connections announce 16 MiB each, send 2 MB and wait."""
    with running_process({"WORKSPACE": str(tmp_path), "ACCESS_PASSWORD": PASSWORD}) as process:
        memory = psutil.Process(process.pid).memory_info
        before = memory().rss
        paths = (
            "/api/downloads",
            "/api/presets/from-workflow",
            "/downloads/add",
            "/api/auth/login",
            "/_pod/sign-in",
            "/nothing",
        )
        writers = await asyncio.gather(*(_hold_open(process.port, paths[n % len(paths)]) for n in range(60)))
        grown = memory().rss - before
        for writer in writers:
            writer.close()
            await writer.wait_closed()
    assert grown < 40 * MB


async def _hold_open(port: int, path: str) -> asyncio.StreamWriter:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    head = f"POST {path} HTTP/1.1\r\nHost: pod\r\nContent-Type: application/json\r\nContent-Length: {16 * 2**20}\r\n\r\n"
    writer.write(head.encode() + b'"')
    for _ in range(20):
        writer.write(b"x" * 100_000)
        await writer.drain()
    status = (await reader.readline()).split()[1]
    assert status in (b"400", b"401", b"404", b"413")
    return writer
