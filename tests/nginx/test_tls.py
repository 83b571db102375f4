"""With TLS every port serves HTTPS alone."""

import ssl
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import websockets

from tests.support.control_plane import PASSWORD, ControlPlane
from tests.support.nginx import Addresses, running_nginx


@pytest.fixture
def addresses(tmp_path: Path, pod: ControlPlane, service: int) -> Iterator[Addresses]:
    port = httpx.URL(pod.url).port or 0
    with running_nginx(tmp_path / "nginx", port, service, {"TLS": "self-signed"}) as running:
        yield running


def trusting(addresses: Addresses, tmp_path: Path) -> ssl.SSLContext:
    """Return a context that trusts the pod's own certificate and nothing else."""
    return ssl.create_default_context(cafile=tmp_path / "volume/tls/cert.pem")


async def test_cookies_are_secure_and_every_port_answers(addresses: Addresses, tmp_path: Path) -> None:
    context = trusting(addresses, tmp_path)
    async with httpx.AsyncClient(base_url=addresses.comfyui, verify=context) as browser:
        answer = await browser.post("/_pod/sign-in", data={"password": PASSWORD})
        assert answer.status_code == 303
        cookies = answer.headers.get_list("set-cookie")
        assert cookies
        assert all("; Secure" in cookie for cookie in cookies)
        seen = (await browser.get("/anything")).json()["headers"]
        assert seen["X-Forwarded-Proto"] == "https"
    socket = addresses.comfyui.replace("https://", "wss://") + "/ws"
    session = "; ".join(cookie.partition(";")[0] for cookie in cookies)
    async with websockets.connect(socket, ssl=context, additional_headers={"Cookie": session}):
        pass


@pytest.mark.parametrize("port", ["dashboard", "comfyui"])
async def test_plain_http_is_redirected(addresses: Addresses, port: str, tmp_path: Path) -> None:
    secure: str = getattr(addresses, port)
    plain = secure.replace("https://", "http://")
    async with httpx.AsyncClient(verify=trusting(addresses, tmp_path)) as client:
        for method in ("GET", "POST"):
            answer = await client.request(method, f"{plain}/api/presets?q=a%20b")
            assert (answer.status_code, answer.headers["Location"]) == (308, f"{secure}/api/presets?q=a%20b")
            assert "set-cookie" not in answer.headers
        health = await client.get(f"{plain}/healthz", follow_redirects=True)
        if port == "dashboard":
            assert health.status_code == 200
