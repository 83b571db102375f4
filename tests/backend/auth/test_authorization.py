"""Every route and WebSocket of the application asks for credentials and for its scope, unless it is public."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
import websockets
from fastapi import APIRouter
from fastapi.routing import APIRoute, APIWebSocketRoute
from pydantic import SecretStr

from backend.auth.principal import Scope
from backend.auth.routing import Protected, Public
from backend.comfy_api.routing import Translated
from backend.config.settings import Settings
from backend.main.app import create_app
from backend.main.features import FEATURES
from backend.web.features import Application, Feature
from tests.support.control_plane import ControlPlane

PUBLIC = {
    ("GET", "/healthz"),
    ("GET", "/readyz"),
    ("POST", "/api/auth/login"),
    ("GET", "/_pod/sign-in"),
    ("POST", "/_pod/sign-in"),
    ("POST", "/sign-out"),
    ("GET", "/_pod/auth"),  # checks the request that nginx describes; see test_forward_auth.py
    ("GET", "/_pod/refused"),
    ("GET", "/api/v2/health"),  # comfy-sdk looks for the API before it has a key
}
# Comfy API v2 has codes of its own.
NO_CREDENTIALS = {(401, "sign_in_required"), (401, "unauthorized")}
NO_SCOPE = {(403, "missing_scope"), (403, "forbidden")}
MISSING = {Scope.READ: ["run"], Scope.RUN: ["read"], Scope.ADMIN: ["read", "run"]}

Operation = tuple[str, str, Any]


def operations(app: Application) -> Iterator[Operation]:
    """Yield every method and path of the application, and what guards it."""
    for route in app.routes:
        if isinstance(route, APIRoute):
            guard = route.app.guard if isinstance(route.app, Translated) else route.app
            yield from ((method, _filled(route.path), guard) for method in sorted(route.methods or ()))
        elif isinstance(route, APIWebSocketRoute):
            yield "WEBSOCKET", _filled(route.path), route.app


def protected(app: Application) -> list[tuple[str, str, Scope | None]]:
    """Return every operation that is not public, with its scope."""
    found = []
    for method, path, guard in operations(app):
        if not isinstance(guard, Public):
            assert isinstance(guard, Protected), f"{method} {path} is neither public nor protected"
            found.append((method, path, guard.read if method in ("GET", "WEBSOCKET") else guard.write))
    assert len(found) > 60
    return found


def _filled(path: str) -> str:
    return re.sub(r"\{[^}]+\}", "x", path)


async def response_of(pod: ControlPlane, method: str, path: str, key: str | None = None) -> tuple[int, str]:
    """Status and error code of a request with a body that makes no sense."""
    headers = {"X-API-Key": key} if key else {}
    if method == "WEBSOCKET":
        with pytest.raises(websockets.InvalidStatus) as refused:
            async with websockets.connect(pod.url.replace("http", "ws") + path, additional_headers=headers):
                pass
        status, body = refused.value.response.status_code, refused.value.response.body
    else:
        async with pod.anonymous(**headers) as client:
            response = await client.request(method, path, content=b"no sense")
        status, body = response.status_code, response.content
    return status, json.loads(body)["error"]["code"]


async def test_nothing_but_what_is_declared_public_is_public(pod: ControlPlane) -> None:
    public = {(method, path) for method, path, guard in operations(pod.app) if isinstance(guard, Public)}
    assert public == PUBLIC


async def test_every_other_route_and_socket_refuses_strangers(pod: ControlPlane) -> None:
    for method, path, _ in protected(pod.app):
        assert await response_of(pod, method, path) in NO_CREDENTIALS, f"{method} {path}"


async def test_every_route_and_socket_refuses_a_key_without_its_scope(pod: ControlPlane) -> None:
    secrets = {scope: await pod.create_key(*MISSING[scope]) for scope in Scope}
    for method, path, scope in protected(pod.app):
        if scope:
            refused = await response_of(pod, method, path, secrets[scope])
            assert refused in NO_SCOPE, f"{method} {path}"


async def test_a_key_with_the_scope_gets_in(pod: ControlPlane) -> None:
    for scope, paths in {
        "read": ["/api/presets", "/api/downloads", "/api/system", "/openapi.json", "/api/auth/me", "/"],
        "run": ["/api/auth/me"],
        "admin": ["/api/presets", "/api/keys", "/api/sessions", "/settings", "/api/system/services/x/log"],
    }.items():
        for headers in (
            {"X-API-Key": await pod.create_key(scope)},
            {"Authorization": f"Bearer {await pod.create_key(scope)}"},
        ):
            async with pod.anonymous(**headers) as client:
                for path in paths:
                    assert (await client.get(path)).status_code in (200, 404), (scope, path)
    async with pod.anonymous(**{"X-API-Key": await pod.create_key("run")}) as client:
        assert (await client.post("/api/downloads/pause")).status_code == 200
    async with websockets.connect(
        pod.url.replace("http", "ws") + "/ws/system",
        additional_headers={"X-API-Key": await pod.create_key("read")},
    ) as frames:
        assert json.loads(await frames.recv())["type"] == "snapshot"


def test_a_router_that_declares_no_access_is_refused_at_start() -> None:
    feature = Feature(name="careless", routers=(APIRouter(),))
    with pytest.raises(TypeError, match="PublicRouter and ProtectedRouter"):
        create_app(Settings(access_password=SecretStr("a password")), (*FEATURES, feature))


def test_openapi_says_which_scope_a_route_needs(pod: ControlPlane) -> None:
    operation = pod.openapi["/api/downloads"]["post"]
    assert operation["security"] == [{"bearer": ["run"]}, {"api_key": ["run"]}, {"cookie": ["run"]}]
    assert {"401", "403", "413"} <= operation["responses"].keys()
    assert "security" not in pod.openapi["/healthz"]["get"]
