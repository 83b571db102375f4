"""What the SDK does not send: other clients, hostile uploads, and where the official proxy differs."""

import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import blake3
import httpx
import pytest

from tests.backend.comfy_api.conftest import Pod
from tests.support.comfyui.graphs import node, picture, through


@pytest.fixture
def http(pod: Pod) -> Iterator[httpx.Client]:
    with pod.http() as client:
        yield client


def error_of(answer: httpx.Response) -> tuple[int, str]:
    assert answer.json()["error"]["message"]
    return answer.status_code, answer.json()["error"]["code"]


def submit(http: httpx.Client, **body: Any) -> httpx.Response:
    return http.post("/jobs", json={"workflow": picture(), **body})


def upload(http: httpx.Client, content: bytes, **fields: str) -> httpx.Response:
    """Send a form as the SDK does: the file comes last."""
    form = {"content_type": "image/png", "file_path": "cat.png", **fields}
    return http.post("/assets", data=form, files={"file": (form["file_path"], content)})


def hash_of(content: bytes) -> str:
    return f"blake3:{blake3.blake3(content).hexdigest()}"


def test_the_health_of_the_api_needs_no_key(pod: Pod) -> None:
    answer = httpx.get(f"{pod.url}/api/v2/health", trust_env=False)
    assert answer.json() == {"status": "healthy"}


def test_one_string_as_the_proxy_takes_it_is_a_label_too(http: httpx.Client) -> None:
    assert submit(http, metadata="night run").json()["metadata"] == {"metadata": "night run"}


@pytest.mark.parametrize(("given", "used"), [(7, 7), (-5, 1), (1_000_000, 999), (None, 50)])
def test_the_priority_counts_and_is_brought_into_our_range(
    http: httpx.Client, given: int | None, used: int
) -> None:
    assert submit(http, priority=given).json()["priority"] == used


def test_a_workflow_of_the_editor_is_refused(http: httpx.Client) -> None:
    drawn = {"nodes": [], "links": [], "last_node_id": 1}
    assert error_of(submit(http, workflow=drawn)) == (422, "workflow_format_ui")


def test_an_unknown_secret_is_refused_and_not_stored(http: httpx.Client) -> None:
    answer = submit(http, extra_data={"auth_token": "x"})
    assert error_of(answer) == (400, "invalid_request")


def test_a_workflow_that_comfyui_would_refuse_is_refused_at_once(http: httpx.Client) -> None:
    def refused(**nodes: Any) -> Any:
        answer = submit(http, workflow={**picture(), **nodes})
        assert error_of(answer) == (422, "invalid_workflow"), answer.text
        return answer.json()["error"]["details"].get("node_errors")

    assert "1" in refused(**{"1": node("NodeOfNoPackage")})
    (missing,) = refused(**{"9": node("SaveImage", filename_prefix="x")})["9"]
    assert missing["field"] == "images"
    assert "9" in refused(**{"9": node("SaveImage", images=["5", 0], filename_prefix="x")})
    assert refused(**{"9": node("EmptyImage", width=8, height=8, batch_size=1, color=0)}) == {}
    assert error_of(http.post("/jobs", json={})) == (422, "invalid_workflow")
    # ComfyUI runs the outputs that it can make.
    answer = submit(http, workflow={**picture(), "8": node("SaveImage", filename_prefix="x")})
    assert answer.status_code == 201


def test_a_queued_job_knows_its_position(http: httpx.Client, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    running = submit(http, workflow=through("TestWaitForFile", path=str(gate)), priority=1).json()
    first = submit(http, priority=998).json()
    second = submit(http, priority=998).json()
    positions = [http.get(f"/jobs/{job['id']}").json()["queue_position"] for job in (first, second)]
    assert positions[1] == positions[0] + 1
    for job in (first, second, running):
        http.post(f"/jobs/{job['id']}/cancel")
    gate.touch()


def test_an_ended_job_has_its_progress_and_its_times(http: httpx.Client) -> None:
    job = submit(http).json()
    with http.stream("GET", f"/jobs/{job['id']}/events") as stream:
        assert "succeeded" in list(stream.iter_lines())[-2]
    ended = http.get(f"/jobs/{job['id']}").json()
    assert ended["progress"]["value"] == 1.0
    assert ended["metrics"]["execution_ms"] >= 0
    assert ended["outputs_reused"] is False
    assert ended["started_at"] <= ended["completed_at"]


def test_statuses_can_be_asked_for(http: httpx.Client) -> None:
    job = submit(http, priority=999).json()
    http.post(f"/jobs/{job['id']}/cancel")
    assert error_of(http.get("/jobs", params={"status": "sleeping"})) == (400, "invalid_request")
    assert error_of(http.get("/jobs", params={"cursor": "x"})) == (400, "invalid_cursor")


def test_a_key_that_may_only_read_cannot_submit(pod: Pod) -> None:
    reading = httpx.post(
        f"{pod.url}/api/keys",
        json={"name": uuid.uuid4().hex, "scopes": ["read"]},
        headers={"Authorization": pod.plane.client.headers["Authorization"]},
        trust_env=False,
    ).json()["secret"]
    with pod.http(reading) as http:
        answer = submit(http)
        assert error_of(answer) == (403, "forbidden")
        assert answer.headers["X-Comfy-Request-Id"] == answer.json()["error"]["details"]["request_id"]


def test_an_upload_with_another_hash_than_announced_leaves_nothing(http: httpx.Client, pod: Pod) -> None:
    content = uuid.uuid4().bytes
    answer = upload(http, content, expected_hash=hash_of(b"something else"))
    assert error_of(answer) == (409, "hash_mismatch")
    assert http.head(f"/assets/by-hash/{hash_of(content)}").status_code == 404
    assert not list((pod.workspace / "ComfyUI/input/api-assets").rglob(f"*{hash_of(content)[7:]}*"))


@pytest.mark.parametrize(
    ("file_path", "suffix"),
    [
        ("../../../etc/passwd", ""),
        ("C:\\Windows\\evil.PNG", ".png"),
        ("a/b\x00c.sh\n", ""),
        ("." * 300, ""),
        ("photo.so/../../x", ""),
        ("käse.jpeg", ".jpeg"),
    ],
)
def test_a_hostile_name_is_never_a_path(http: httpx.Client, pod: Pod, file_path: str, suffix: str) -> None:
    content = uuid.uuid4().bytes
    form = b"".join(
        b'--b\r\nContent-Disposition: form-data; name="%b"\r\n\r\n%b\r\n' % (name, value)
        for name, value in [(b"content_type", b"text/html; evil"), (b"file_path", file_path.encode())]
    )
    form += (
        b'--b\r\nContent-Disposition: form-data; name="file"; filename="x"\r\n\r\n'
        + content
        + b"\r\n--b--\r\n"
    )
    answer = http.post("/assets", content=form, headers={"Content-Type": "multipart/form-data; boundary=b"})
    assert answer.status_code == 201, answer.text
    stored = list((pod.workspace / "ComfyUI/input/api-assets").glob(f"{hash_of(content)[7:]}*"))
    assert [path.name for path in stored] == [hash_of(content)[7:] + suffix]
    downloaded = http.get(f"/assets/{answer.json()['id']}/content")
    assert downloaded.content == content
    assert downloaded.headers["Content-Disposition"].startswith("attachment")


@pytest.mark.parametrize(
    ("content_type", "content"),
    [
        ("application/json", b"{}"),
        ("multipart/form-data", b"--b--"),
        ("multipart/form-data; boundary=b", b"no form at all"),
        (
            "multipart/form-data; boundary=b",
            b'--b\r\nContent-Disposition: form-data; name="file"\r\n\r\nhalf',
        ),
        ("multipart/form-data; boundary=b", b"--b--\r\n"),
        (
            "multipart/form-data; boundary=b",
            b'--b\r\nContent-Disposition: form-data; name="file_path"\r\n\r\n'
            + b"x" * 10_000
            + b"\r\n--b--\r\n",
        ),
    ],
)
def test_a_malformed_upload_is_refused_and_leaves_nothing(
    http: httpx.Client, pod: Pod, content_type: str, content: bytes
) -> None:
    answer = http.post("/assets", content=content, headers={"Content-Type": content_type})
    assert error_of(answer) == (400, "invalid_request")
    assert not list((pod.workspace / "ComfyUI/input/api-assets/.uploading").glob("*"))


def test_an_asset_of_a_job_that_has_not_ended_cannot_be_deleted(http: httpx.Client, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    asset = upload(http, uuid.uuid4().bytes).json()
    graph = through("TestWaitForFile", path=str(gate))
    graph["1"] = node("LoadImage", image={"__type": "core/ASSET", "info": {"id": asset["id"]}})
    job = submit(http, workflow=graph).json()
    assert error_of(http.delete(f"/assets/{asset['id']}")) == (409, "asset_in_use")
    gate.touch()
    with http.stream("GET", f"/jobs/{job['id']}/events") as stream:
        last = list(stream.iter_lines())[-2]
    assert '"succeeded"' in last
    assert error_of(http.delete(f"/assets/{job['id']}.0")) == (409, "asset_in_use")
    assert http.delete(f"/assets/{asset['id']}").status_code == 204
    assert error_of(http.get(f"/assets/{asset['id']}/content")) == (404, "not_found")


def test_a_hash_that_is_not_here_cannot_be_named(http: httpx.Client) -> None:
    answer = http.post("/assets/from-hash", json={"hash": hash_of(b"never"), "file_path": "x"})
    assert error_of(answer) == (404, "blob_not_found")


def test_a_range_outside_of_an_asset(http: httpx.Client) -> None:
    asset = upload(http, uuid.uuid4().bytes).json()
    answer = http.get(f"/assets/{asset['id']}/content", headers={"Range": "bytes=100-"})
    assert error_of(answer) == (416, "range_outside_file")
