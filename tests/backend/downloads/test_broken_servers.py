"""Servers that violate HTTP cause a retry or a clear error, never an unexpected one."""

import hashlib
from pathlib import Path
from typing import Any

import pytest

from tests.backend.conftest import hub_settings
from tests.support.control_plane import ControlPlane, running_control_plane
from tests.support.hub import Hub, faults
from tests.support.hub.formats import gguf, safetensors
from tests.support.raw_server import RawRequest, ranged, raw_server, whole_file

CONTENT = gguf(200_000).read(0, 200_000)

MALFORMED = [
    b"no HTTP at all\r\n\r\n",
    b"HTTP/1.1 two-hundred OK\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nno colon here\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nhello\r\n",
    b"HTTP/1.1 200 OK\r\nX: " + b"a" * 100_000 + b"\r\n\r\n",
    b"HTTP/1.1 206 Partial Content\r\nContent-Length: 5\r\nContent-Range: bytes 0-4/"
    + b"9" * 5000
    + b"\r\n\r\nGGUF!",
    b"",
]
BAD_TARGET = {"bad_redirect", "bad_url", "private_address", "connection_lost", "invalid_response"}


async def downloaded(pod: ControlPlane, url: str, **request: Any) -> dict[str, Any]:
    transfer = await pod.download(url=url, folder="vae", **request)
    return await pod.finished(transfer["id"])


@pytest.mark.parametrize("malformed", MALFORMED, ids=lambda raw: repr(raw[:40]))
async def test_a_malformed_response_is_retried(workspace: Path, malformed: bytes) -> None:
    def respond(request: RawRequest) -> bytes:
        return malformed if len(server.requests) == 1 else ranged(request, CONTENT)

    async with (
        raw_server(respond) as server,
        running_control_plane(workspace, download_allowed_hosts="127.0.0.1") as pod,
    ):
        done = await downloaded(pod, f"{server.url}/rose.gguf")
        assert (done["state"], done["problem"]) == ("done", None)
        assert (pod.models / "vae/rose.gguf").read_bytes() == CONTENT


@pytest.mark.parametrize("malformed", MALFORMED, ids=lambda raw: repr(raw[:40]))
async def test_a_server_that_only_sends_malformed_responses_is_named_as_the_cause(
    workspace: Path, malformed: bytes
) -> None:
    async with (
        raw_server(lambda _: malformed) as server,
        running_control_plane(workspace, download_allowed_hosts="127.0.0.1") as pod,
    ):
        failed = await downloaded(pod, f"{server.url}/rose.gguf")
        assert failed["state"] == "failed"
        assert failed["problem"]["code"] in ("invalid_response", "connection_lost", "wrong_range")
        answer = await pod.client.post("/api/sources/by-hash", json={"sha256": ["0" * 64]})
        assert answer.status_code == 502


async def test_a_hub_that_sends_a_body_in_reply_to_head_gets_a_ranged_get(workspace: Path) -> None:
    sha256 = hashlib.sha256(CONTENT).hexdigest()

    def respond(request: RawRequest) -> bytes:
        if request.method == "HEAD":
            return whole_file(CONTENT) + CONTENT
        return ranged(request, CONTENT, f'ETag: "{sha256}"')

    async with (
        raw_server(respond) as server,
        running_control_plane(workspace, hf_endpoint=server.url) as pod,
    ):
        done = await downloaded(pod, f"{server.url}/acme/models/resolve/main/rose.gguf")
        assert (done["state"], done["verification"]) == ("done", "verified")


@pytest.mark.parametrize("status", ["405 Method Not Allowed", "501 Not Implemented", "400 Bad Request"])
async def test_a_hub_without_head_gets_a_ranged_get(workspace: Path, status: str) -> None:
    sha256 = hashlib.sha256(CONTENT).hexdigest()

    def respond(request: RawRequest) -> bytes:
        if request.method == "HEAD":
            return f"HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n".encode()
        return ranged(request, CONTENT, f'ETag: "{sha256}"')

    async with (
        raw_server(respond) as server,
        running_control_plane(workspace, hf_endpoint=server.url) as pod,
    ):
        done = await downloaded(pod, f"{server.url}/acme/models/resolve/main/rose.gguf")
        assert (done["state"], done["verification"]) == ("done", "verified")


async def test_a_redirect_with_user_and_password_is_followed_with_them(workspace: Path) -> None:
    def respond(request: RawRequest) -> bytes:
        if request.path == "/rose.gguf":
            target = f"http://ann:secret@{server.host}/real.gguf"
            return f"HTTP/1.1 302 Found\r\nLocation: {target}\r\nContent-Length: 0\r\n\r\n".encode()
        return ranged(request, CONTENT)

    async with (
        raw_server(respond) as server,
        running_control_plane(workspace, download_allowed_hosts="127.0.0.1") as pod,
    ):
        done = await downloaded(pod, f"{server.url}/rose.gguf")
        assert (done["state"], done["problem"]) == ("done", None)
        sent = [seen.headers.get("authorization") for seen in server.requests if seen.path == "/real.gguf"]
        assert set(sent) == {"Basic YW5uOnNlY3JldA=="}
        assert "secret" not in str((await pod.client.get(f"/api/downloads/{done['id']}/log")).json())


@pytest.mark.parametrize(
    "target",
    [
        "http://exa mple/x",
        "http://[::1/x",
        "http://a..b/x",
        "http://%zz/x",
        "http://" + "a" * 70 + ".example/x",
        "http://host:99999/x",
        "http://\u00e4\udc80/x",
    ],
)
async def test_a_redirect_to_an_invalid_host_is_reported(workspace: Path, target: str) -> None:
    location = target.encode("utf-8", "surrogateescape")
    answer = b"HTTP/1.1 302 Found\r\nLocation: " + location + b"\r\nContent-Length: 0\r\n\r\n"
    async with (
        raw_server(lambda _: answer) as server,
        running_control_plane(workspace, download_allowed_hosts="127.0.0.1") as pod,
    ):
        failed = await downloaded(pod, f"{server.url}/rose.gguf")
        assert failed["state"] == "failed"
        assert failed["problem"]["code"] in BAD_TARGET


@pytest.mark.parametrize("lfs", [True, False], ids=["with a published hash", "with a git hash"])
async def test_a_server_that_always_compresses_is_decompressed_and_verified(
    workspace: Path, hub: Hub, lfs: bool
) -> None:
    model = hub.add("acme/models", "flower.safetensors", safetensors(3_000_000), lfs=lfs)
    hub.fault(model, faults.Gzip(times=None))
    async with running_control_plane(workspace, **hub_settings(hub)) as pod:
        done = await downloaded(pod, hub.url_of(model))
        assert (done["state"], done["verification"]) == ("done", "verified")
        assert (pod.models / "vae/flower.safetensors").stat().st_size == 3_000_000
        assert pod.leftovers() == []
