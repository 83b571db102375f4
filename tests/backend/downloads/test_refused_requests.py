"""Invalid requests are rejected at once with a message that says what to do."""

from typing import Any

import pytest

from tests.support.control_plane import ControlPlane

REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"url": "ftp://example.org/x.safetensors"}, "bad_url"),
    ({"url": "not a url"}, "bad_url"),
    ({"url": "file:///etc/passwd"}, "bad_url"),
    ({"url": "http://[::1"}, "bad_url"),
    ({"url": "http://127.0.0.1:22/x.safetensors"}, "private_address"),
    ({"url": "http://169.254.169.254/latest/x.safetensors"}, "private_address"),
    ({"url": "http://2130706433/x.safetensors"}, "private_address"),
    ({"url": "http://0x7f.1/x.safetensors"}, "private_address"),
    ({"url": "http://[::1]/x.safetensors"}, "private_address"),
    ({"url": "http://[::ffff:10.0.0.1]/x.safetensors"}, "private_address"),
    ({"url": "https://example.org/x.safetensors", "folder": "../../etc"}, "bad_folder"),
    ({"url": "https://example.org/x.safetensors", "folder": "loras/../../.."}, "bad_filename"),
    ({"url": "https://example.org/x.safetensors", "filename": "../x.safetensors"}, "bad_filename"),
    ({"url": "https://example.org/x.safetensors", "filename": ".hidden"}, "bad_filename"),
    ({"url": "https://example.org/x.safetensors", "filename": "x" * 250}, "bad_filename"),
    ({"url": "https://example.org/x.safetensors", "sha256": "abc"}, "invalid_request"),
    ({}, "invalid_request"),
]


@pytest.mark.parametrize(("wanted", "code"), REFUSED)
async def test_an_invalid_request_is_rejected(pod: ControlPlane, wanted: dict[str, Any], code: str) -> None:
    answer = await pod.client.post("/api/downloads", json={"folder": "loras", **wanted})
    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (400, code)
    assert error["details"]["request_id"] == answer.headers["X-Request-ID"]
    assert (await pod.client.get("/api/downloads")).json() == []


async def test_a_name_that_resolves_to_loopback_is_refused(pod: ControlPlane) -> None:
    transfer = await pod.download(url="http://localhost:9/x.safetensors", folder="loras")
    assert (await pod.finished(transfer["id"]))["problem"]["code"] == "private_address"


async def test_an_unknown_download_is_not_found(pod: ControlPlane) -> None:
    for call in ("cancel", "retry", "pause", "resume"):
        answer = await pod.client.post(f"/api/downloads/nothing/{call}")
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found")
