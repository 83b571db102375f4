"""Errors have one format, for programs and browsers."""

import pytest

from tests.support.control_plane import ControlPlane

PAGE = {"Accept": "text/html"}
HTMX = {"Accept": "text/html", "HX-Request": "true"}


async def test_the_api_answers_in_json(pod: ControlPlane) -> None:
    answer = await pod.client.get("/api/nothing-here")
    assert answer.status_code == 404
    error = answer.json()["error"]
    assert error["code"] == "not_found"
    assert error["details"]["request_id"] == answer.headers["X-Request-ID"]


async def test_a_wrong_method_is_named(pod: ControlPlane) -> None:
    answer = await pod.client.put("/api/presets", json={})
    assert (answer.status_code, answer.json()["error"]["code"]) == (405, "method_not_allowed")
    assert answer.headers["Allow"]


async def test_a_wrong_method_gets_every_allowed_one(pod: ControlPlane) -> None:
    for path, allowed in (
        ("/api/tokens/civitai", "DELETE, PUT"),
        ("/api/downloads", "GET, HEAD, POST"),
        ("/api/keys", "GET, HEAD, POST"),
        ("/api/downloads/policy", "GET, HEAD, PUT"),
        ("/downloads/add", "GET, HEAD, POST"),
        ("/api/system/model-paths", "GET, HEAD, PUT"),
        ("/_pod/sign-in", "GET, HEAD, POST"),
    ):
        response = await pod.client.patch(path)
        assert (response.status_code, response.headers["Allow"]) == (405, allowed), path
        assert allowed in response.json()["error"]["message"]


async def test_every_get_route_supports_head(pod: ControlPlane) -> None:
    for path in ("/", "/downloads", "/api/presets", "/healthz", "/_pod/sign-in"):
        head, get = await pod.client.head(path, headers=PAGE), await pod.client.get(path, headers=PAGE)
        assert (head.status_code, head.content) == (get.status_code, b""), path
        assert head.headers["Content-Type"] == get.headers["Content-Type"]
    async with pod.anonymous() as stranger:
        assert (await stranger.head("/api/presets")).status_code == 401


async def test_a_browser_is_redirected_to_the_sign_in_and_back(pod: ControlPlane) -> None:
    async with pod.anonymous(**PAGE) as visitor:
        answer = await visitor.get("/openapi.json?a=1")
    assert answer.status_code == 303
    assert answer.headers["Location"] == "/_pod/sign-in?next=/openapi.json%3Fa%3D1"


async def test_htmx_is_redirected_to_the_sign_in(pod: ControlPlane) -> None:
    async with pod.anonymous(**HTMX) as visitor:
        answer = await visitor.get("/openapi.json")
    assert (answer.status_code, answer.headers["HX-Redirect"]) == (401, "/_pod/sign-in")


async def test_htmx_shows_an_error_as_a_toast(pod: ControlPlane) -> None:
    answer = await pod.client.get("/nothing-here", headers=HTMX)
    assert answer.status_code == 404
    assert "nothing at /nothing-here" in answer.headers["HX-Trigger"]
    assert answer.headers["HX-Reswap"] == "none"


async def test_an_unexpected_error_contains_the_request_id_of_its_log_line(
    pod: ControlPlane, capsys: pytest.CaptureFixture[str]
) -> None:
    async def fail() -> None:
        raise RuntimeError("an unexpected error")

    pod.app.add_api_route("/broken", fail)
    for headers in ({}, PAGE, HTMX):
        answer = await pod.client.get("/broken", headers=headers)
        assert (answer.status_code, answer.headers["X-Content-Type-Options"]) == (500, "nosniff")
        shown = answer.text + answer.headers.get("HX-Trigger", "")
        assert f"Search its log for {answer.headers['X-Request-ID']}" in shown
        assert "an unexpected" not in shown
        logged = capsys.readouterr().out
        assert "unhandled error" in logged
        assert answer.headers["X-Request-ID"] in logged


async def test_a_toast_fits_into_a_header(pod: ControlPlane) -> None:
    rows = [
        {f"url-{n}": f"https://example.org/{'long' * 50}-{n}.safetensors", f"folder-{n}": "elsewhere"}
        for n in range(30)
    ]
    form = {
        "pick": [str(n) for n in range(30)],
        **{name: value for row in rows for name, value in row.items()},
    }
    answer = await pod.client.post("/downloads/add", data=form, headers=HTMX)
    assert "And 27 more." in answer.headers["HX-Trigger"]
    assert len(answer.headers["HX-Trigger"]) < 4000
    nowhere = await pod.client.get(f"/{'n' * 5000}", headers=HTMX)
    assert len(nowhere.headers["HX-Trigger"]) < 4000


async def test_a_well_formed_request_id_of_a_proxy_is_kept(pod: ControlPlane) -> None:
    kept = await pod.client.get("/healthz", headers={"X-Request-ID": "abc-12345678"})
    assert kept.headers["X-Request-ID"] == "abc-12345678"
    replaced = await pod.client.get("/healthz", headers={"X-Request-ID": "a b; drop"})
    assert len(replaced.headers["X-Request-ID"]) == 32


async def test_pages_may_load_files_from_this_server_only(pod: ControlPlane) -> None:
    answer = await pod.client.get("/healthz")
    assert "default-src 'self'" in answer.headers["Content-Security-Policy"]
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


async def test_other_origins_are_rejected(pod: ControlPlane) -> None:
    answer = await pod.client.get("/healthz", headers={"Origin": "https://elsewhere.example"})
    assert "access-control-allow-origin" not in answer.headers


def test_openapi_documents_every_error_as_json(pod: ControlPlane) -> None:
    for path, operations in pod.openapi.items():
        for method, operation in operations.items():
            for status, response in operation["responses"].items():
                if int(status) >= 400 and "content" in response:
                    assert list(response["content"]) == ["application/json"], (method, path, status)
