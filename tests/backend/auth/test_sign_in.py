"""The owner signs in; all others stay outside."""

import asyncio
import base64
import json

import httpx
import pytest

from tests.support.control_plane import PASSWORD, ControlPlane

GUARDED = ["/api/presets", "/api/downloads", "/api/system", "/api/storage", "/api/auth/me", "/openapi.json"]


async def test_the_right_password_opens_the_api(pod: ControlPlane) -> None:
    async with pod.anonymous() as visitor:
        answer = await visitor.post("/api/auth/login", json={"password": PASSWORD})
        body = answer.json()
        assert body["token_type"] == "bearer"
        assert body["expires_in"] == 168 * 3600
        visitor.cookies.clear()
        visitor.headers["Authorization"] = f"Bearer {body['access_token']}"
        assert (await visitor.get("/api/auth/me")).status_code == 200


async def test_the_browser_gets_a_cookie_that_scripts_and_other_sites_cannot_use(pod: ControlPlane) -> None:
    async with pod.anonymous() as visitor:
        answer = await visitor.post("/api/auth/login", json={"password": PASSWORD})
        cookie = answer.headers["set-cookie"]
        assert "HttpOnly" in cookie
        assert "SameSite=strict" in cookie
        assert (await visitor.get("/api/auth/me")).status_code == 200


async def test_over_https_the_cookie_stays_on_https(pod: ControlPlane) -> None:
    async with pod.anonymous(**{"X-Forwarded-Proto": "https"}) as visitor:
        answer = await visitor.post("/api/auth/login", json={"password": PASSWORD})
        assert "Secure" in answer.headers["set-cookie"]


async def test_a_wrong_password_says_where_to_look(pod: ControlPlane) -> None:
    async with pod.anonymous() as visitor:
        answer = await visitor.post("/api/auth/login", json={"password": "wrong"})
        assert answer.status_code == 401
        assert "ACCESS_PASSWORD" in answer.json()["error"]["message"]
        assert "set-cookie" not in answer.headers


async def test_guessing_is_stopped(pod: ControlPlane) -> None:
    async with pod.anonymous() as visitor:
        answers = [await visitor.post("/api/auth/login", json={"password": f"guess {n}"}) for n in range(21)]
        assert [answer.status_code for answer in answers] == [401] * 20 + [429]
        assert 0 < int(answers[-1].headers["Retry-After"]) <= 61


async def sign_in_from(visitor: httpx.AsyncClient, address: str, password: str) -> int:
    headers = {"X-Real-IP": address}
    answer = await visitor.post("/api/auth/login", json={"password": password}, headers=headers)
    return answer.status_code


async def test_a_strangers_guesses_do_not_shut_the_owner_out(pod: ControlPlane) -> None:
    async with pod.anonymous() as visitor:
        for _ in range(20):
            assert await sign_in_from(visitor, "203.0.113.1", "wrong") == 401
        assert await sign_in_from(visitor, "203.0.113.1", PASSWORD) == 429
        assert await sign_in_from(visitor, "198.51.100.7", PASSWORD) == 200


@pytest.mark.parametrize("path", GUARDED)
async def test_nothing_is_shown_without_a_sign_in(pod: ControlPlane, path: str) -> None:
    async with pod.anonymous() as visitor:
        answer = await visitor.get(path)
        assert (answer.status_code, answer.json()["error"]["code"]) == (401, "sign_in_required")


async def test_a_forged_token_is_refused(pod: ControlPlane) -> None:
    async with pod.anonymous(Authorization="Bearer e30.e30.e30") as visitor:
        answer = await visitor.get("/api/auth/me")
        assert (answer.status_code, answer.json()["error"]["code"]) == (401, "session_ended")


async def test_signing_out_forgets_the_cookie(pod: ControlPlane) -> None:
    async with pod.anonymous() as visitor:
        await visitor.post("/api/auth/login", json={"password": PASSWORD})
        assert (await visitor.post("/api/auth/logout")).status_code == 204
        assert (await visitor.get("/api/auth/me")).status_code == 401


async def test_another_site_cannot_act_with_the_browsers_cookie(pod: ControlPlane) -> None:
    async with pod.anonymous() as visitor:
        await visitor.post("/api/auth/login", json={"password": PASSWORD})
        for header in ({"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example"}):
            answer = await visitor.post("/api/presets/update", headers=header)
            assert (answer.status_code, answer.json()["error"]["code"]) == (403, "cross_site")


async def test_nginx_asks_whether_a_visitor_may_pass(pod: ControlPlane) -> None:
    assert (await pod.client.get("/_pod/auth")).status_code == 204
    async with pod.anonymous() as visitor:
        assert (await visitor.get("/_pod/auth")).status_code == 401


async def test_health_needs_no_sign_in(pod: ControlPlane) -> None:
    async with pod.anonymous() as visitor:
        assert (await visitor.get("/healthz")).json()["status"] == "ok"
        answers = await asyncio.gather(*(visitor.get("/readyz") for _ in range(50)))
        assert [answer.json() for answer in answers] == [{"ready": True, "missing": []}] * 50


async def test_a_hostile_token_is_refused_and_breaks_nothing(pod: ControlPlane) -> None:
    nested = base64.urlsafe_b64encode(b'{"a":' * 3000 + b"1" + b"}" * 3000).decode().rstrip("=")
    for token in (
        f"{nested}.e30.e30",
        "." * 400,
        "a.b.c",
        "cpk_",
        "cpk_" + "x" * 9000,
        "\u00ff.\u00ff.\u00ff",
    ):
        for headers in ({"Authorization": f"Bearer {token}"}, {"Cookie": f"comfypod_session={token}"}):
            async with pod.anonymous() as client:
                raw = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
                response = await client.get("/api/auth/me", headers=raw)
            assert response.status_code == 401
            assert json.loads(response.content)["error"]["code"] in ("session_ended", "unknown_api_key")
