"""The owner sees where the password was used and ends any session."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import websockets

from tests.support.control_plane import PASSWORD, ControlPlane, running_control_plane


@asynccontextmanager
async def browser(pod: ControlPlane, name: str = "Firefox") -> AsyncIterator[httpx.AsyncClient]:
    """Yield a client that has signed in and holds the cookies."""
    async with pod.anonymous(**{"User-Agent": name}) as client:
        assert (await client.post("/api/auth/login", json={"password": PASSWORD})).status_code == 200
        yield client


async def sessions_of(client: httpx.AsyncClient) -> dict[str, dict[str, object]]:
    sessions = (await client.get("/api/sessions")).json()["sessions"]
    return {session["user_agent"]: session for session in sessions}


async def test_sessions_are_listed_with_where_they_come_from(pod: ControlPlane) -> None:
    async with browser(pod, "Firefox") as firefox, browser(pod, "x" * 5000):
        sessions = await sessions_of(firefox)
        assert sessions["Firefox"]["current"] is True
        assert sessions["Firefox"]["address"] == "127.0.0.1"
        assert [len(name) for name in sessions if name.startswith("xx")] == [200]
        page = (await firefox.get("/settings")).text
        assert "This browser" in page
        assert str(sessions["Firefox"]["id"]) in page


async def test_signing_out_revokes_the_token_and_not_only_the_cookie(pod: ControlPlane) -> None:
    for path in ("/api/auth/logout", "/sign-out"):
        async with browser(pod) as client:
            token = client.cookies["comfypod_session"]
            assert (await client.post(path)).status_code in (204, 303)
            stolen = {"Authorization": f"Bearer {token}"}
            refused = await client.get("/api/auth/me", headers=stolen)
            assert (refused.status_code, refused.json()["error"]["code"]) == (401, "session_ended")
            assert (await client.post("/sign-out")).status_code == 303


async def test_another_site_cannot_sign_the_owner_out(pod: ControlPlane) -> None:
    async with browser(pod) as client:
        for headers in ({"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
            for path in ("/sign-out", "/api/auth/logout"):
                refused = await client.post(path, headers=headers)
                assert (refused.status_code, refused.json()["error"]["code"]) == (403, "cross_site")
        assert (await client.get("/api/auth/me")).status_code == 200


async def test_ending_a_session_closes_its_sockets(pod: ControlPlane) -> None:
    async with browser(pod, "stolen") as stolen, browser(pod, "owner") as owner:
        cookie = {"Cookie": f"comfypod_session={stolen.cookies['comfypod_session']}"}
        address = pod.url.replace("http", "ws") + "/ws/storage"
        async with websockets.connect(address, additional_headers=cookie) as frames:
            await frames.recv()
            session = (await sessions_of(owner))["stolen"]
            assert (await owner.delete(f"/api/sessions/{session['id']}")).status_code == 204
            await frames.wait_closed()
        assert (frames.close_code, frames.close_reason) == (4401, "sign in again")
        assert (await stolen.get("/api/auth/me")).status_code == 401
        assert (await owner.delete(f"/api/sessions/{session['id']}")).status_code == 404


async def test_all_other_sessions_end_at_once(pod: ControlPlane) -> None:
    async with browser(pod) as one, browser(pod) as other, browser(pod) as mine:
        assert (await mine.delete("/api/sessions")).json() == {
            "ended": 3
        }  # the fixture's client is the third
        assert [(await client.get("/api/auth/me")).status_code for client in (one, other, mine)] == [
            401,
            401,
            200,
        ]


async def test_other_sessions_are_ended_on_the_page(pod: ControlPlane) -> None:
    async with browser(pod, "one") as one, browser(pod, "mine") as mine:
        session = (await sessions_of(mine))["one"]
        fragment = {"HX-Request": "true", "HX-Request-Type": "partial"}
        ended = await mine.delete(f"/settings/sessions/{session['id']}", headers=fragment)
        assert "has ended" in ended.headers["HX-Trigger"]
        await mine.post("/settings/sessions/end-others", headers=fragment)
        assert list(await sessions_of(mine)) == ["mine"]
        assert (await one.get("/api/auth/me")).status_code == 401


async def test_sessions_and_their_end_survive_a_restart(workspace: Path) -> None:
    async with (
        running_control_plane(workspace) as pod,
        browser(pod, "kept") as kept,
        browser(pod, "ended") as ended,
    ):
        session = (await sessions_of(kept))["ended"]
        await kept.delete(f"/api/sessions/{session['id']}")
        cookies = [dict(client.cookies) for client in (kept, ended)]
    async with running_control_plane(workspace) as pod, pod.anonymous() as client:
        statuses = [
            (
                await client.get(
                    "/api/auth/me", headers={"Cookie": f"comfypod_session={jar['comfypod_session']}"}
                )
            ).status_code
            for jar in cookies
        ]
    assert statuses == [200, 401]


async def test_an_api_key_has_no_session_to_end(pod: ControlPlane) -> None:
    async with pod.anonymous(**{"X-API-Key": await pod.create_key("read")}) as client:
        assert (await client.post("/api/auth/logout")).status_code == 409
        me = (await client.get("/api/auth/me")).json()
    assert (me["kind"], me["name"], me["scopes"], me["expires_at"]) == ("key", "key 1", ["read"], None)
