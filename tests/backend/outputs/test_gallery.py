"""A user finds what ComfyUI has made, takes it away, and runs it again."""

import asyncio
import io
import json
import os
import time
import zipfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from tests.backend.jobs.queue import PROMPT
from tests.support.comfyui.graphs import picture
from tests.support.comfyui.process import ComfyUI, running
from tests.support.comfyui.tree.media import mp4, png, webp
from tests.support.control_plane import ControlPlane, running_control_plane

pytestmark = pytest.mark.asyncio(loop_scope="module")

GRAPH = {"nodes": [{"id": 1, "type": "EmptyImage"}], "links": [], "version": 0.4}
FOX = {
    "1": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "xl/juggernaut.safetensors"}},
    "2": {
        "class_type": "CLIPTextEncode",
        "inputs": {"text": "blurry and dull, a long negative text", "clip": ["1", 1]},
    },
    "3": {"class_type": "CLIPTextEncode", "inputs": {"text": "A Red Fox", "clip": ["1", 1]}},
    "4": {
        "class_type": "KSampler",
        "inputs": {"seed": 17, "positive": ["3", 0], "negative": ["2", 0], "model": ["1", 0]},
    },
}


def save(outputs: Path, path: str, content: bytes, age: float = 0) -> Path:
    file = outputs / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)
    os.utime(file, (time.time() - age,) * 2)
    return file


def sidecar(outputs: Path, stem: str, job: str, batch: str, *names: str) -> None:
    content = {
        "job": {"id": job, "name": f"job {job}", "batch": batch, "template": "portrait"},
        "prompt": PROMPT,
        "workflow": None,
        "outputs": [{"path": f"portrait/{name}"} for name in names],
    }
    save(outputs, f"jobs/portrait/{stem}.job.json", json.dumps(content).encode())


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def pod(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[ControlPlane]:
    """Yield a control plane whose outputs no test changes."""
    workspace = tmp_path_factory.mktemp("workspace")
    outputs = workspace / "ComfyUI/output"
    save(outputs, "fox.png", png(8, 8, 0, {"prompt": FOX, "workflow": GRAPH}), 10)
    save(outputs, "fox.webp", webp(8, 8, {"prompt": FOX}), 20)
    save(outputs, "video/fox.mp4", mp4({"prompt": FOX}), 30)
    save(outputs, "plain.jpg", b"\xff\xd8\xff", 40)
    save(outputs, "put_on.png", png(8, 8, 0, {}), 3 * 86400)
    save(outputs, "page.html", b"<script>alert(1)</script>", 60)
    for number in (1, 2):
        save(outputs, f"jobs/portrait/cat-{number}.png", png(8, 8, number, {}), 70 + number)
    sidecar(outputs, "cat", "j1", "b1", "cat-1.png", "cat-2.png")
    save(outputs, "jobs/portrait/dog.png", png(8, 8, 3, {}), 80)
    sidecar(outputs, "dog", "j2", "b1", "dog.png")
    save(outputs, "jobs/.staging/attempt/abc", b"not finished")
    save(outputs, ".hidden.png", png(8, 8, 0, {}))
    async with running_control_plane(workspace) as pod:
        async with asyncio.timeout(60), pod.socket("/ws/outputs") as frames:
            while not await listed(pod, "q=red+fox"):
                await frames.recv()
        yield pod


async def listed(pod: ControlPlane, query: str = "") -> list[str]:
    answer = await pod.client.get(f"/api/outputs?{query}")
    assert answer.status_code == 200, answer.text
    return [output["path"] for output in answer.json()]


CATS = ["jobs/portrait/cat-1.png", "jobs/portrait/cat-2.png"]
FOXES = ["fox.png", "fox.webp", "video/fox.mp4"]


async def test_outputs_are_listed_newest_first_without_what_belongs_to_the_pod(pod: ControlPlane) -> None:
    assert await listed(pod) == [
        *FOXES,
        "plain.jpg",
        "page.html",
        *CATS,
        "jobs/portrait/dog.png",
        "put_on.png",
    ]
    (fox,) = (await pod.client.get("/api/outputs?limit=1")).json()
    assert (fox["prompt"], fox["seed"], fox["models"]) == ("A Red Fox", 17, ["juggernaut.safetensors"])
    assert fox["has_graph"]
    assert (await pod.client.get(fox["thumbnail"])).headers["content-type"] == "image/webp"


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("q=red+fox", FOXES),
        ("q=FOX.W", ["fox.webp"]),
        ("q=blurry", []),
        ("kind=video", ["video/fox.mp4"]),
        ("model=juggernaut.safetensors", FOXES),
        ("workflow=portrait", [*CATS, "jobs/portrait/dog.png"]),
        ("job=j1", CATS),
        ("batch=b1&q=dog", ["jobs/portrait/dog.png"]),
        ("until=2020-01-01", []),
        ("since=9999-12-31", []),
        ("until=9999-12-31&kind=image&model=juggernaut.safetensors", ["fox.png", "fox.webp"]),
        ("since=0001-01-01&job=j2&until=", ["jobs/portrait/dog.png"]),
    ],
)
async def test_filters(pod: ControlPlane, query: str, expected: list[str]) -> None:
    assert await listed(pod, query) == expected


async def test_pages_follow_a_cursor_and_unchanged_lists_are_confirmed(pod: ControlPlane) -> None:
    first = await pod.client.get("/api/outputs?limit=4")
    second = await pod.client.get(first.links["next"]["url"])
    assert [output["path"] for output in second.json()] == (await listed(pod))[4:8]
    tag = {"If-None-Match": first.headers["etag"]}
    assert (await pod.client.get("/api/outputs?limit=4", headers=tag)).status_code == 304
    assert (await pod.client.get("/api/outputs?cursor=abc")).status_code == 400


async def test_only_media_are_shown_in_the_browser(pod: ControlPlane) -> None:
    page = await pod.client.get("/api/outputs/file/page.html")
    assert page.headers["content-type"] == "application/octet-stream"
    assert page.headers["content-disposition"].startswith("attachment")
    picture = await pod.client.get("/api/outputs/file/fox.png", headers={"Range": "bytes=0-3"})
    assert (picture.status_code, picture.content) == (206, b"\x89PNG")
    assert picture.headers["content-disposition"].startswith("inline")


async def test_the_workflow_in_a_file(pod: ControlPlane) -> None:
    assert (await pod.client.get("/api/outputs/workflow/fox.png")).json() == {
        "prompt": FOX,
        "workflow": GRAPH,
    }
    assert (await pod.client.get("/api/outputs/workflow/plain.jpg")).json() == {"prompt": {}, "workflow": {}}


async def test_a_zip_of_a_selection(pod: ControlPlane) -> None:
    paths = ["fox.png", "jobs/portrait/cat-1.png", "fox.png"]
    answer = await pod.client.post("/api/outputs/zip", json={"paths": paths})
    archive = zipfile.ZipFile(io.BytesIO(answer.content))
    assert archive.testzip() is None
    assert archive.namelist() == paths[:2]
    assert {entry.compress_type for entry in archive.infolist()} == {zipfile.ZIP_STORED}
    outputs = pod.settings.workspace / "ComfyUI/output"
    assert archive.read("fox.png") == (outputs / "fox.png").read_bytes()
    assert (await pod.client.post("/api/outputs/zip", json={"paths": ["missing.png"]})).status_code == 404
    assert (await pod.client.post("/api/outputs/zip", json={"paths": ["../secret"]})).status_code == 404


async def test_a_key_that_may_read_may_download_and_not_delete(pod: ControlPlane) -> None:
    key = await pod.create_key("read")
    async with pod.anonymous(**{"X-API-Key": key}) as reader:
        assert (await reader.post("/api/outputs/zip", json={"paths": ["fox.png"]})).status_code == 200
        assert (await reader.delete("/api/outputs/file/fox.png")).status_code == 403


async def test_the_page_groups_by_day_job_and_batch(pod: ControlPlane) -> None:
    page = (await pod.client.get("/outputs")).text
    assert page.count('class="tile"') == 9
    assert "Today" in page
    jobs = (await pod.client.get("/outputs?group=job")).text
    assert jobs.count('href="/jobs/j1"') == 1
    batches = (await pod.client.get("/outputs?group=batch")).text
    assert batches.count("Batch of portrait") == 1


async def test_details_link_to_the_job_and_to_files_alike(pod: ControlPlane) -> None:
    fox = (await pod.client.get("/outputs/details/fox.png")).text
    assert all(
        text in fox for text in ("A Red Fox", "Open in ComfyUI", "Run again", "New seed", "juggernaut")
    )
    cat = (await pod.client.get("/outputs/details/jobs/portrait/cat-1.png")).text
    assert "/jobs/j1" in cat
    assert "Open in ComfyUI" not in cat
    assert "does not say how it was made" in (await pod.client.get("/outputs/details/plain.jpg")).text


@pytest.mark.parametrize("hostile", [b"[]", b"{" * 100_000, b'{"job": 7, "outputs": [[], 3]}', b"\xff" * 100])
async def test_hostile_metadata_says_nothing(pod: ControlPlane, tmp_path: Path, hostile: bytes) -> None:
    from backend.outputs.provenance import provenance_of  # noqa: PLC0415

    save(
        tmp_path, "a.png", png(8, 8, 0, {"prompt": {"1": {"inputs": {"text": ["a"], "seed": True}}, "2": 3}})
    )
    save(tmp_path, "a.job.json", hostile)
    provenance = provenance_of(tmp_path / "a.png")
    assert (provenance.job_id, provenance.prompt, provenance.seed, provenance.models) == ("", "", None, ())


@pytest.fixture(scope="module")
def comfyui(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ComfyUI]:
    with running(ComfyUI(tmp_path_factory.mktemp("comfyui")).with_test_nodes()) as comfyui:
        yield comfyui


async def test_a_file_runs_again_and_the_result_appears_by_itself(workspace: Path, comfyui: ComfyUI) -> None:
    outputs = workspace / "ComfyUI/output"
    save(outputs, "made.png", png(8, 8, 0, {"prompt": picture(), "workflow": GRAPH}))
    save(outputs, "plain.png", png(8, 8, 0, {}))
    async with (
        running_control_plane(workspace, comfyui_url=comfyui.url) as pod,
        pod.socket("/ws/outputs") as frames,
    ):
        assert json.loads(await frames.recv())["files"] == 2
        refused = await pod.client.post("/outputs/again/plain.png")
        assert refused.status_code == 409
        again = await pod.client.post("/outputs/again/made.png", headers={"HX-Request": "true"})
        assert "Queued made" in again.headers["hx-trigger"]
        async with asyncio.timeout(60):
            (job,) = (await pod.client.get("/api/jobs")).json()
            while not (found := await listed(pod, f"job={job['id']}")):
                await frames.recv()
        (output,) = (await pod.client.get("/api/outputs?q=jobs/")).json()
        assert (output["job_id"], output["job_name"]) == (job["id"], "made")
        moved: dict[str, Any] = (await pod.client.delete(f"/api/outputs/file/{found[0]}")).json()
        assert await listed(pod, "q=jobs/") == []
        await pod.client.post("/api/trash/restore", json={"ids": [moved["move"]]})
        assert await listed(pod, "q=jobs/") == found
