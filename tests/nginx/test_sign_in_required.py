"""The gate in front of ComfyUI and the other services: who may pass, and what they get to see."""

import re
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
import websockets

from tests.nginx.conftest import signed_in_browser
from tests.support.control_plane import ControlPlane
from tests.support.nginx import Addresses, running_nginx
from tests.support.process import free_port

PAGE = {"Accept": "text/html"}
LINK = {"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
OTHER_PORT = {"Origin": "http://127.0.0.1:4444"}  # another port of the same address, which gets the cookie


@pytest.fixture
async def owner(addresses: Addresses) -> AsyncIterator[httpx.AsyncClient]:
    async with signed_in_browser(addresses) as client:
        yield client


async def test_a_page_of_another_port_cannot_act_with_the_browsers_cookie(
    owner: httpx.AsyncClient,
) -> None:
    for method, headers in (
        ("POST", OTHER_PORT),
        ("DELETE", OTHER_PORT),
        ("PROPFIND", OTHER_PORT),
        ("POST", {"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "no-cors"}),
        ("POST", {"Sec-Fetch-Site": "cross-site", **LINK}),
        ("GET", {"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"}),
        ("GET", {"Upgrade": "websocket", "Connection": "Upgrade", **OTHER_PORT}),
    ):
        answer = await owner.request(method, "/prompt", headers=headers)
        assert (answer.status_code, answer.json()["error"]["code"]) == (403, "cross_site"), (method, headers)
    page = await owner.post("/prompt", headers={**PAGE, **OTHER_PORT})
    assert (page.status_code, "Another site tried" in page.text) == (403, True)


async def test_comfyuis_own_page_and_links_to_it_pass(owner: httpx.AsyncClient, addresses: Addresses) -> None:
    own = {"Origin": addresses.comfyui, "Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "cors"}
    for method, headers in (
        ("POST", own),
        ("POST", {"Origin": addresses.comfyui}),  # without TLS browsers send no Sec-Fetch headers
        ("GET", {}),
        ("GET", {"Sec-Fetch-Site": "none", **LINK}),
        ("GET", {"Sec-Fetch-Site": "same-site", **LINK}),
    ):
        answer = await owner.request(method, "/prompt", headers=headers)
        assert (answer.status_code, answer.json()["method"]) == (200, method)
    # ComfyUI itself refuses what is marked as cross-site.
    linked = await owner.get("/", headers={"Sec-Fetch-Site": "cross-site", **LINK})
    assert linked.json()["headers"]["Sec-Fetch-Site"] == "same-site"


async def test_comfyuis_socket_is_for_its_own_page_and_for_programs(
    owner: httpx.AsyncClient, pod: ControlPlane, addresses: Addresses
) -> None:
    address = f"{addresses.comfyui.replace('http', 'ws')}/ws"
    cookie = {"Cookie": f"comfypod_session={owner.cookies['comfypod_session']}"}
    async with websockets.connect(address, additional_headers={**cookie, "Origin": addresses.comfyui}):
        pass
    async with websockets.connect(
        address, additional_headers={"Authorization": pod.client.headers["Authorization"], **OTHER_PORT}
    ):
        pass
    with pytest.raises(websockets.InvalidStatus, match="403"):
        async with websockets.connect(address, additional_headers={**cookie, **OTHER_PORT}):
            pass


async def test_comfyui_never_sees_the_session(owner: httpx.AsyncClient, pod: ControlPlane) -> None:
    token = owner.cookies["comfypod_session"]
    mine = f"comfypod_session={token}"
    owner.cookies.clear()
    for sent, left in (
        (mine, None),
        (f"theme=dark; {mine}", "theme=dark;"),
        (f"a=1; {mine}; b=2", "a=1; b=2"),
        (f"{mine}; b=2; {mine}", "b=2;"),
        (f"{mine}; comfypod_device=x; {mine}; b=2; comfypod_device=y", "b=2;"),
    ):
        answer = await owner.get("/", headers={"Cookie": sent})
        assert answer.json()["headers"].get("Cookie") == left
        assert token not in answer.text
    key = await pod.create_key("run")
    for credentials in (
        {"Authorization": pod.client.headers["Authorization"]},
        {"Authorization": f"Bearer {key}"},
        {"X-API-Key": key},
    ):
        seen = (await owner.get("/", headers=credentials)).json()["headers"]
        assert not {"Authorization", "X-API-Key"} & set(seen)


async def test_an_api_key_reaches_comfyui_with_the_scope_run_only(
    addresses: Addresses, pod: ControlPlane
) -> None:
    async with httpx.AsyncClient(base_url=addresses.comfyui) as client:
        for scope, allowed in (("read", False), ("run", True), ("admin", True)):
            key = {"X-API-Key": await pod.create_key(scope)}
            for method in ("GET", "POST"):
                response = await client.request(method, "/prompt", headers=key)
                assert response.status_code == (200 if allowed else 403), (scope, method)
            if not allowed:
                assert response.json()["error"]["code"] == "missing_scope"


async def test_an_address_that_the_client_invents_does_not_count(addresses: Addresses) -> None:
    async with httpx.AsyncClient(base_url=addresses.dashboard) as visitor:
        answers = [
            await visitor.post(
                "/api/auth/login", json={"password": "wrong"}, headers={"X-Real-IP": f"10.0.0.{n}"}
            )
            for n in range(21)
        ]
    assert [answer.status_code for answer in answers] == [401] * 20 + [429]


async def test_a_service_that_is_not_up_says_so_however_it_is_asked(
    tmp_path: Path, pod: ControlPlane
) -> None:
    """The page that waits asks by HEAD, and must not take any answer for ComfyUI's."""
    with running_nginx(tmp_path / "nginx", httpx.URL(pod.url).port or 0, free_port()) as addresses:
        async with signed_in_browser(addresses) as owner:
            page = await owner.get("/", headers=PAGE)
            assert (page.status_code, "ComfyUI is not ready yet" in page.text) == (503, True)
            assert (await owner.head("/")).status_code == 503
            refused = await owner.post("/prompt", json={"prompt": {}})
            assert (refused.status_code, refused.json()["error"]["code"]) == (503, "unavailable")
            owner.cookies.clear()
            stranger = await owner.get("/_pod/starting", headers={"Accept": "application/json"})
            assert stranger.status_code == 401


async def test_while_the_control_plane_restarts_every_port_says_so(tmp_path: Path, service: int) -> None:
    with running_nginx(tmp_path / "nginx", free_port(), service) as addresses:
        async with httpx.AsyncClient() as visitor:
            for address in (
                f"{addresses.dashboard}/downloads",
                f"{addresses.comfyui}/",
                f"{addresses.comfyui}/_pod/sign-in",
            ):
                answer = await visitor.get(address)
                assert (answer.status_code, answer.headers["Refresh"]) == (503, "2")
                assert "The control plane is starting" in answer.text
            for method, address in (
                ("GET", f"{addresses.dashboard}/api/presets"),
                ("POST", f"{addresses.dashboard}/mcp"),
                ("GET", f"{addresses.comfyui}/api/auth/me"),
                ("GET", f"{addresses.comfyui}/api/queue"),
                ("POST", f"{addresses.comfyui}/prompt"),
            ):
                answer = await visitor.request(method, address)
                assert (answer.status_code, answer.json()["error"]["code"]) == (503, "unavailable"), address
                assert answer.json()["error"]["details"]["request_id"]
            assert (await visitor.head(f"{addresses.dashboard}/healthz")).status_code == 503


async def test_static_files_are_public_and_may_be_kept_forever(
    addresses: Addresses, pod: ControlPlane
) -> None:
    async with pod.anonymous(**PAGE) as visitor:
        page = (await visitor.get("/_pod/sign-in")).text
    files = re.findall(r'(?:src|href)="(/_pod/static/[^"]+)"', page)
    assert files
    async with httpx.AsyncClient(base_url=addresses.comfyui) as browser:
        for file in files:
            answer = await browser.get(file)
            assert (answer.status_code, "immutable" in answer.headers["Cache-Control"]) == (200, True), file
        for outside in (
            "/_pod/static/0a/../../backend/main/app.py",
            "/_pod/static/0a/%2e%2e/templates/web/page.html",
        ):
            assert (await browser.get(outside)).status_code != 200
