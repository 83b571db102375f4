"""Jobs over the API of a running control plane."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.backend.jobs.queue import PROMPT
from tests.support.comfyui.graphs import picture, through
from tests.support.comfyui.process import ComfyUI, running
from tests.support.control_plane import ControlPlane, running_control_plane


@pytest.fixture
def comfyui(workspace: Path) -> Iterator[ComfyUI]:
    with running(ComfyUI(workspace / "ComfyUI").with_test_nodes()) as comfyui:
        yield comfyui


@pytest.fixture
async def pod(workspace: Path, comfyui: ComfyUI) -> AsyncIterator[ControlPlane]:
    async with running_control_plane(workspace, comfyui_url=comfyui.url) as pod:
        yield pod


@pytest.fixture
async def idle(workspace: Path) -> AsyncIterator[ControlPlane]:
    """Yield a control plane without a ComfyUI: nothing leaves the queue."""
    async with running_control_plane(workspace) as pod:
        yield pod


async def submit(
    pod: ControlPlane, prompt: dict[str, Any] = PROMPT, *jobs: dict[str, Any]
) -> list[dict[str, Any]]:
    answer = await pod.client.post(
        "/api/jobs", json={"prompt": prompt, "template": "t", "jobs": list(jobs) or [{}]}
    )
    assert answer.status_code == 201, answer.text
    submitted: list[dict[str, Any]] = answer.json()["jobs"]
    return submitted


async def follow(pod: ControlPlane, job_id: str) -> list[tuple[str, dict[str, Any]]]:
    """Return every event of a job until it ends."""
    events = []
    async with pod.client.stream("GET", f"/api/jobs/{job_id}/events") as stream, asyncio.timeout(60):
        name = ""
        async for line in stream.aiter_lines():
            if line.startswith("event: "):
                name = line.removeprefix("event: ")
            elif line.startswith("data: "):
                events.append((name, json.loads(line.removeprefix("data: "))))
    return events


async def test_a_job_is_submitted_followed_and_its_picture_downloaded(pod: ControlPlane) -> None:
    (job,) = await submit(pod, picture(), {"name": "cat"})
    events = await follow(pod, job["id"])
    assert [name for name, _ in events][-2:] == ["output", "status"]
    assert events[-1][1]["state"] == "succeeded"
    details = (await pod.client.get(f"/api/jobs/{job['id']}")).json()
    assert [attempt["state"] for attempt in details["attempts"]] == ["succeeded"]
    image = await pod.client.get(f"/api/jobs/{job['id']}/outputs/0", headers={"Range": "bytes=0-7"})
    assert (image.status_code, image.content) == (206, b"\x89PNG\r\n\x1a\n")
    outside = await pod.client.get(f"/api/jobs/{job['id']}/outputs/0", headers={"Range": "bytes=9999999-"})
    assert (outside.status_code, outside.json()["error"]["code"]) == (416, "range_outside_file")
    assert outside.headers["Content-Range"] == f"bytes */{details['outputs'][0]['bytes']}"
    malformed = await pod.client.get(f"/api/jobs/{job['id']}/outputs/0", headers={"Range": "lines=1"})
    assert (malformed.status_code, malformed.json()["error"]["code"]) == (400, "invalid_request")


async def test_a_job_that_fails_says_where_and_why(pod: ControlPlane) -> None:
    (job,) = await submit(pod, through("TestFail", message="no such colour"), {"retry_limit": 0})
    *_, (_, last) = await follow(pod, job["id"])
    assert last["state"] == "failed"
    assert last["error"]["node_id"] == "5"
    assert "no such colour" in last["error"]["message"]
    log = (await pod.client.get("/api/activity?kind=job")).json()["entries"]
    assert [entry["kind"] for entry in log] == ["job.failed"]


async def test_the_queue_is_listed_reordered_paused_and_emptied(idle: ControlPlane) -> None:
    first, second, third = await submit(idle, PROMPT, {"name": "a"}, {"name": "b"}, {"name": "c"})

    async def order() -> list[str]:
        return [job["name"] for job in (await idle.client.get("/api/jobs/queue")).json()]

    await idle.client.post("/api/jobs/move", json={"ids": [third["id"]], "to": "first"})
    assert await order() == ["c", "a", "b"]
    await idle.client.post(f"/api/jobs/{second['id']}/next")
    assert await order() == ["b", "c", "a"]
    changed = await idle.client.patch(
        f"/api/jobs/{first['id']}", json={"priority": 2, "values": {"6.text": "a dog"}}
    )
    assert changed.json()["values"] == {"6.text": "a dog"}
    assert (await idle.client.post("/api/jobs/pause")).status_code == 204
    for job in (first, second, third):
        await idle.client.post(f"/api/jobs/{job['id']}/cancel")
    status = (await idle.client.get("/api/jobs/status")).json()
    assert status == {"paused": True, "counts": {"cancelled": 3}}


async def test_jobs_are_listed_in_pages_newest_first(idle: ControlPlane) -> None:
    await submit(idle, PROMPT, *({"name": str(number)} for number in range(5)))
    first = await idle.client.get("/api/jobs?limit=3")
    following = await idle.client.get(first.links["next"]["url"])
    assert len(first.json()) == 3
    assert len(following.json()) == 2
    assert "next" not in following.links
    bad = await idle.client.get("/api/jobs?cursor=WzFd")
    assert (bad.status_code, bad.json()["error"]["code"]) == (400, "bad_cursor")


async def test_a_workflow_is_returned_with_the_values_of_the_job(idle: ControlPlane) -> None:
    (job,) = await submit(idle, PROMPT, {"values": {"3.seed": 42}})
    workflow = (await idle.client.get(f"/api/jobs/{job['id']}/workflow")).json()
    assert workflow["prompt"]["3"]["inputs"] == {"seed": 42, "steps": 20}


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"prompt": {}}, 400),
        ({"prompt": PROMPT, "jobs": []}, 400),
        ({"prompt": PROMPT, "jobs": [{"priority": 1000}]}, 400),
        ({"prompt": PROMPT, "jobs": [{"values": {"text": 1}}]}, 400),
        ({"prompt": PROMPT, "jobs": [{"depends_on": ["nothing"]}]}, 400),
        ({"workflow": {}}, 400),
    ],
)
async def test_a_bad_request_is_refused_and_leaves_nothing(
    idle: ControlPlane, body: dict[str, Any], status: int
) -> None:
    answer = await idle.client.post("/api/jobs", json=body)
    assert answer.status_code == status
    assert answer.json()["error"]["message"]
    assert (await idle.client.get("/api/jobs")).json() == []


async def test_an_unknown_job_or_output_is_not_found(idle: ControlPlane) -> None:
    (job,) = await submit(idle)
    for path in ("/api/jobs/nothing", "/api/jobs/nothing/events", f"/api/jobs/{job['id']}/outputs/0"):
        assert (await idle.client.get(path)).status_code == 404


async def test_the_socket_tells_the_state_and_every_change(idle: ControlPlane) -> None:
    async with idle.socket("/ws/jobs") as frames, asyncio.timeout(30):
        snapshot = {"type": "snapshot", "paused": False, "counts": {}, "progress": []}
        assert json.loads(await frames.recv()) == snapshot
        (job,) = await submit(idle)
        change = json.loads(await frames.recv())
        assert (change["type"], change["job"]["id"], change["job"]["state"]) == (
            "changed",
            job["id"],
            "queued",
        )
