"""A user configures remotes; secrets are stored for the owner only and never shown."""

import stat
from pathlib import Path
from typing import Any

import pytest

from backend.sync.service import Sync
from tests.backend.sync.conftest import make, remote_variables, uploaded
from tests.support.control_plane import ControlPlane, running_control_plane
from tests.support.s3 import BUCKET, S3

HTML = {"Accept": "text/html", "HX-Request": "true"}


def request_of(s3: S3, **others: Any) -> dict[str, Any]:
    return {"endpoint": s3.url, "bucket": BUCKET, "key_id": s3.key_id, "secret": s3.secret, **others}


async def test_a_remote_is_saved_for_the_owner_only(pod: ControlPlane, workspace: Path, s3: S3) -> None:
    answer = await pod.client.put("/api/sync/remotes/backup", json=request_of(s3, prefix="other"))
    assert answer.status_code == 200
    assert s3.secret not in answer.text
    file = workspace / ".comfypod/sync.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    for path in ("/api/sync", "/sync", "/api/activity"):
        assert s3.secret not in (await pod.client.get(path)).text
    assert (await pod.client.post("/api/sync/remotes/backup/test")).status_code == 204
    make(workspace, "output/a.png")
    await uploaded(pod, "backup")
    assert "other/output/a.png" in s3.objects()
    assert (await pod.client.delete("/api/sync/remotes/backup")).status_code == 204
    assert s3.secret not in file.read_text()
    assert "other/output/a.png" in s3.objects()


async def test_a_saved_secret_goes_to_its_endpoint_only(pod: ControlPlane, s3: S3) -> None:
    await pod.client.put("/api/sync/remotes/backup", json=request_of(s3))
    assert (
        await pod.client.put("/api/sync/remotes/backup", json=request_of(s3, secret="", prefix="new"))
    ).status_code == 200
    elsewhere = request_of(s3, secret="", endpoint="http://elsewhere.example")
    answer = await pod.client.put("/api/sync/remotes/backup", json=elsewhere)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "secret_needed")


async def test_the_environments_remote_cannot_be_changed(pod: ControlPlane, s3: S3) -> None:
    assert (await pod.client.put("/api/sync/remotes/environment", json=request_of(s3))).status_code == 409
    assert (await pod.client.delete("/api/sync/remotes/environment")).status_code == 409
    assert (await pod.client.delete("/api/sync/remotes/nothing")).status_code == 404


@pytest.mark.parametrize(
    "wrong",
    [
        {"bucket": "../etc"},
        {"bucket": ""},
        {"prefix": "a/../b"},
        {"prefix": "/a"},
        {"endpoint": "file:///etc/passwd"},
        {"key_id": "two words"},
        {"secret": "x" * 600},
        {"region": "eu west"},
    ],
)
async def test_invalid_remotes_are_refused(pod: ControlPlane, s3: S3, wrong: dict[str, str]) -> None:
    answer = await pod.client.put("/api/sync/remotes/backup", json=request_of(s3, **wrong))
    assert answer.status_code == 400


async def test_the_page_adds_tests_and_removes_a_remote(pod: ControlPlane, s3: S3) -> None:
    form = {"name": "backup", "region": "", "prefix": "page", **request_of(s3)}
    answer = await pod.client.post("/sync/remotes", data=form, headers=HTML)
    assert "The storage accepts the key" in answer.headers["hx-trigger"]
    wrong = {**form, "secret": "wrong" * 8}
    answer = await pod.client.post("/sync/remotes", data=wrong, headers=HTML)
    assert "The secret does not belong" in answer.headers["hx-trigger"]
    page = (await pod.client.get("/sync")).text
    assert f"{BUCKET}/page" in page
    assert "from the environment" in page
    answer = await pod.client.delete("/sync/remotes/backup", headers=HTML)
    assert f"{BUCKET}/page" not in answer.text


async def test_uploads_follow_jobs_a_schedule_or_requests(workspace: Path, s3: S3) -> None:
    variables = remote_variables(s3, sync_when="jobs")
    async with running_control_plane(workspace, **variables) as pod:
        sync = pod.app.registry.get(Sync)
        sync.job_ended()
        assert sync.busy_reason() == "Files are about to be uploaded."
        assert (sync.next_seconds or 99) <= 10
        answer = await pod.client.put("/api/sync", json={"when": "manual"})
        assert answer.json()["next_seconds"] is None
        answer = await pod.client.put("/api/sync", json={"when": "schedule", "minutes": 5, "limit": 20})
        assert answer.json()["next_seconds"] <= 10
    async with running_control_plane(workspace, **variables) as pod:
        state = (await pod.client.get("/api/sync")).json()
        assert (state["when"], state["minutes"], state["limit"]) == ("schedule", 5, 20)


async def test_a_pod_without_a_remote_says_what_to_do(workspace: Path) -> None:
    async with running_control_plane(workspace) as pod:
        assert "No storage yet" in (await pod.client.get("/sync")).text
        answer = await pod.client.post("/api/sync/restore", json={})
        assert (answer.status_code, "Add one" in answer.json()["error"]["message"]) == (404, True)
