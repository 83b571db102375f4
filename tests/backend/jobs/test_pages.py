"""The pages about jobs, as the server renders them."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from tests.backend.jobs.queue import PROMPT
from tests.support.comfyui.graphs import picture, through
from tests.support.comfyui.process import ComfyUI, running
from tests.support.control_plane import ControlPlane, running_control_plane

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module")
async def idle(workspace: Path) -> AsyncIterator[ControlPlane]:
    """A control plane without a ComfyUI: nothing leaves the queue."""
    async with running_control_plane(workspace) as pod:
        yield pod


@pytest.fixture(scope="module")
def comfyui(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ComfyUI]:
    with running(ComfyUI(tmp_path_factory.mktemp("comfyui")).with_test_nodes()) as comfyui:
        yield comfyui


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def pod(tmp_path_factory: pytest.TempPathFactory, comfyui: ComfyUI) -> AsyncIterator[ControlPlane]:
    """A control plane that several tests use, each with jobs of its own."""
    async with running_control_plane(tmp_path_factory.mktemp("workspace"), comfyui_url=comfyui.url) as pod:
        yield pod


async def submit(
    pod: ControlPlane, *jobs: dict[str, Any], prompt: dict[str, Any] = PROMPT
) -> list[dict[str, Any]]:
    body = {"prompt": prompt, "template": "portrait", "jobs": list(jobs) or [{}]}
    answer = await pod.client.post("/api/jobs", json=body)
    assert answer.status_code == 201, answer.text
    submitted: list[dict[str, Any]] = answer.json()["jobs"]
    return submitted


async def page(pod: ControlPlane, path: str, status: int = 200) -> str:
    answer = await pod.client.get(path, headers={"Accept": "text/html"})
    assert answer.status_code == status, answer.text
    return answer.text


async def press(pod: ControlPlane, path: str, **fields: Any) -> str:
    """Send a form as htmx does, and return where it leads."""
    answer = await pod.client.post(path, data=fields, headers={"HX-Request": "true"})
    assert answer.status_code == 204, (answer.status_code, answer.headers.get("hx-trigger"))
    return str(answer.headers.get("hx-redirect", ""))


async def details(pod: ControlPlane, job_id: str) -> dict[str, Any]:
    found: dict[str, Any] = (await pod.client.get(f"/api/jobs/{job_id}")).json()
    return found


async def ended(pod: ControlPlane, job_id: str) -> dict[str, Any]:
    async with pod.client.stream("GET", f"/api/jobs/{job_id}/events") as stream, asyncio.timeout(60):
        async for _ in stream.aiter_lines():
            pass
    return await details(pod, job_id)


async def test_the_queue_shows_what_it_holds_and_escapes_names(idle: ControlPlane) -> None:
    assert "No jobs yet" in await page(idle, "/jobs")
    (job,) = await submit(idle, {"name": "<script>alert(1)</script>", "values": {"6.text": "a <b>cat</b>"}})
    shown = await page(idle, "/jobs")
    assert "<script>alert" not in shown
    assert "a &lt;b&gt;cat&lt;/b&gt;" in shown
    assert f"/jobs/{job['id']}" in shown


async def test_selected_jobs_are_moved_and_cancelled(idle: ControlPlane) -> None:
    first, second, third = await submit(idle, *({"name": name} for name in "abc"))
    await press(idle, "/jobs/selected/first", id=[third["id"], second["id"]])
    await press(idle, f"/jobs/{second['id']}/place", after=first["id"])
    queue = (await idle.client.get("/api/jobs/queue")).json()
    assert [job["name"] for job in queue] == ["c", "a", "b"]
    await press(idle, "/jobs/selected/priority", id=[first["id"]], priority="7")
    await press(idle, "/jobs/selected/cancel", id=[third["id"], second["id"], "gone"])
    left = (await idle.client.get("/api/jobs/queue")).json()
    assert [(job["name"], job["priority"]) for job in left] == [("a", 7)]


async def test_a_waiting_job_is_edited(idle: ControlPlane) -> None:
    (job,) = await submit(idle, {"values": {"3.seed": 5}})
    path = f"/jobs/{job['id']}/values"
    await press(
        idle, path, **{"name": "cat", "priority": "3", "6.text": "a dog", "3.steps": "20", "3.seed": "5"}
    )
    changed = await details(idle, job["id"])
    assert (changed["name"], changed["priority"]) == ("cat", 3)
    assert changed["values"] == {"6.text": "a dog", "3.seed": 5}
    refused = await idle.client.post(path, data={"3.steps": "many"}, headers={"HX-Request": "true"})
    assert refused.status_code == 400
    assert "steps is not a whole number" in refused.headers["hx-trigger"]


async def test_quiet_hours_and_limits_are_set_on_a_page_and_shown(idle: ControlPlane) -> None:
    form = {
        "quiet": "true", "quiet_start": "00:00", "quiet_end": "23:59:59", "quiet_zone": "UTC",
        "after_crash": "paused", "max_jobs": "500", "max_jobs_per_key": "", "webhook_allowed_hosts": "nas:80 nas:81",
    }  # fmt: skip
    await press(idle, "/jobs/settings", **form)
    settings = (await idle.client.get("/api/jobs/settings")).json()
    assert (settings["quiet_hours"]["start"], settings["quiet_hours"]["time_zone"]) == ("00:00:00", "UTC")
    assert (settings["after_crash"], settings["comfyui_first"]) == ("paused", False)
    assert (settings["max_jobs"], settings["max_jobs_per_key"]) == (500, None)
    assert settings["webhook_allowed_hosts"] == ["nas:80", "nas:81"]
    await submit(idle)
    assert "Quiet hours until 23:59" in await page(idle, "/jobs")
    shown = await page(idle, "/jobs/settings")
    assert "nas:80\nnas:81" in shown
    refused = await idle.client.post(
        "/jobs/settings", data=form | {"max_jobs": "0"}, headers={"HX-Request": "true"}
    )
    assert (refused.status_code, "Max jobs" in refused.headers["hx-trigger"]) == (400, True)
    await press(idle, "/jobs/settings", comfyui_first="true")
    assert "Quiet hours until" not in await page(idle, "/jobs")


async def test_history_is_searched_and_filtered(idle: ControlPlane) -> None:
    cat, dog = await submit(idle, {"name": "one", "values": {"6.text": "a cat"}}, {"name": "two"})
    for job in (cat, dog):
        await idle.client.post(f"/api/jobs/{job['id']}/cancel")
    for query, expected in [
        ("q=CAT", {cat["id"]}),
        ("q=two", {dog["id"]}),
        ("q=position", set()),
        ("state=cancelled", {cat["id"], dog["id"]}),
        ("state=failed", set()),
        ("template=portrait&ended=1", {dog["id"]}),
    ]:
        shown = await page(idle, f"/jobs?{query}")
        assert {job["id"] for job in (cat, dog) if f'id="job-{job["id"]}"' in shown} == expected, query
    await page(idle, "/jobs?state=nothing", 400)


async def test_a_job_runs_again_with_other_seeds_and_other_values(pod: ControlPlane) -> None:
    prompt = through("TestSlow", seed=7)
    (job,) = await submit(pod, {"name": "cat"}, prompt=prompt)
    assert (await ended(pod, job["id"]))["state"] == "succeeded"
    shown = await page(pod, f"/jobs/{job['id']}")
    assert f"/api/jobs/{job['id']}/outputs/0" in shown
    again = (await press(pod, f"/jobs/{job['id']}/again")).removeprefix("/jobs/")
    varied = (await press(pod, f"/jobs/{job['id']}/vary")).removeprefix("/jobs/")
    edited = (await press(pod, f"/jobs/{job['id']}/edited", **{"1.color": "255"})).removeprefix("/jobs/")
    assert (await ended(pod, again))["values"] == {}
    assert (await ended(pod, varied))["values"]["5.seed"] != 7
    assert (await ended(pod, edited))["values"] == {"1.color": 255}
    compared = await page(pod, f"/jobs/compare?a={job['id']}&b={edited}")
    assert compared.count('class="differs"') == 1
    batch = await press(pod, f"/jobs/{job['id']}/vary", count="3")
    assert batch.startswith("/batches/")
    assert "3 jobs" in await page(pod, batch)


async def test_a_batch_runs_again_with_its_axes_and_the_same_or_other_seeds(pod: ControlPlane) -> None:
    grid = {"5.seed": [1, 2], "1.color": [3, 4]}
    request = {"document": through("TestSlow", seed=7), "grid": grid}
    first = (await pod.client.post("/api/jobs", json=request)).json()
    for address, same in (("again", True), ("again?seeds=new", False)):
        batch = (await press(pod, f"/batches/{first['batch_id']}/{address}")).removeprefix("/batches/")
        again = (await pod.client.get(f"/api/batches/{batch}")).json()
        axes = {axis["input"]: axis["values"] for axis in again["axes"]}
        assert axes == (grid if same else {"1.color": [3, 4]})
        values = [(job["values"]["5.seed"], job["values"]["1.color"]) for job in again["jobs"]]
        before = [(job["values"]["5.seed"], job["values"]["1.color"]) for job in first["jobs"]]
        assert (values == before) is same
        assert [color for _, color in values] == [color for _, color in before]


async def test_the_form_submits_what_differs_from_the_workflow_and_fixed_seeds(
    pod: ControlPlane,
) -> None:
    folder = pod.settings.workspace / "workflows"
    folder.mkdir(exist_ok=True)
    (folder / "slow.json").write_text(json.dumps(through("TestSlow", color=5, seed=7)))
    address = "/jobs/new?template=folder:slow"
    shown = await page(pod, address)
    names = re.findall(r'name="value\.([^"]+)"', shown)
    form = {f"value.{name}": "" for name in names}
    form |= {
        "value.width": "8",
        "value.height": "16",
        "value.batch_size": "1",
        "value.seed": "7",
        "runs": "1",
    }
    job = (await press(pod, address, **form)).removeprefix("/jobs/")
    assert (await details(pod, job))["values"] == {"1.height": 16, "5.seed": 7}


async def test_a_failed_job_shows_its_node_and_traceback_and_is_retried(pod: ControlPlane) -> None:
    prompt = through("TestFail", message="no such colour")
    prompt["5"]["_meta"] = {"title": "My node"}
    batch = await submit(pod, {"retry_limit": 0}, {"retry_limit": 0}, prompt=prompt)
    for job in batch:
        await ended(pod, job["id"])
    shown = await page(pod, f"/jobs/{batch[0]['id']}")
    assert "no such colour" in shown
    assert "Node 5 · My node · TestFail" in shown
    assert "Traceback" in shown
    await press(pod, f"/batches/{batch[0]['batch_id']}/retry")
    for job in batch:
        assert (await ended(pod, job["id"]))["run_count"] == 2


async def test_a_text_is_shown_on_the_page_and_saved_as_a_file(pod: ControlPlane) -> None:
    prompt = picture()
    prompt["7"] = {
        "class_type": "TestShow",
        "inputs": {"image": ["1", 0], "shown": json.dumps({"text": ["a caption"]})},
    }
    (job,) = await submit(pod, prompt=prompt)
    outputs = (await ended(pod, job["id"]))["outputs"]
    text = next(number for number, output in enumerate(outputs) if output["kind"] == "text")
    assert "a caption" in await page(pod, f"/jobs/{job['id']}")
    path = f"/api/jobs/{job['id']}/outputs/{text}"
    assert (await pod.client.get(path)).headers["content-disposition"].startswith("inline")
    saved = await pod.client.get(f"{path}?download=true")
    assert saved.headers["content-disposition"].startswith("attachment")


async def test_prompts_of_comfyuis_own_page_are_shown_apart(
    pod: ControlPlane, comfyui: ComfyUI, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    (job,) = await submit(pod, prompt=through("TestWaitForFile", path=str(gate)))
    async with pod.socket("/ws/jobs") as frames, asyncio.timeout(60):
        async for text in frames:
            if (
                json.loads(text)["type"] in ("progress", "snapshot")
                and (await details(pod, job["id"]))["state"] == "running"
            ):
                break
    assert "own page" not in await page(pod, "/jobs/comfyui")
    body = {"prompt": through("TestWaitForFile", path=str(gate))}
    async with pod.anonymous() as client:
        assert (await client.post(f"{comfyui.url}/prompt", json=body)).status_code == 200
    assert "1 prompt of ComfyUI's own page" in await page(pod, "/jobs/comfyui")
    gate.touch()
    await ended(pod, job["id"])


async def test_the_page_says_that_comfyui_is_away(idle: ControlPlane) -> None:
    assert "ComfyUI does not answer. Jobs wait until it does." in await page(idle, "/jobs/comfyui")


async def test_ten_thousand_jobs_are_one_page(idle: ControlPlane) -> None:
    await submit(idle, *({"name": f"job {number}"} for number in range(2000)))
    shown = await page(idle, "/jobs")
    assert "The next 50 of 2000." in shown
    assert len(shown) < 300_000


async def test_unknown_jobs_and_batches_are_not_found(idle: ControlPlane) -> None:
    for path in ("/jobs/nothing", "/batches/nothing", "/jobs/compare?a=x&b=y"):
        await page(idle, path, 404)


async def test_a_grid_of_a_template_becomes_a_batch(pod: ControlPlane) -> None:
    prompt = through("TestSlow", seed=7, steps=2)
    prompt["6"] = {"class_type": "TestText", "inputs": {"image": ["1", 0], "text": "a cat"}}
    folder = pod.settings.workspace / "workflows"
    folder.mkdir(exist_ok=True)
    (folder / "cats.json").write_text(json.dumps(prompt))
    assert "/jobs/new?template=folder%3Acats" in await page(pod, "/jobs/new?q=cats")
    path = "/jobs/new?template=folder:cats"
    form = await page(pod, path)
    assert 'name="value.seed"' in form
    assert 'name="value.steps"' in form
    fields: dict[str, Any] = {
        "value.seed": "7",
        "random.seed": "true",
        "value.steps": "3",
        "axis": ["steps", ""],
        "axis_values": ["2..4", ""],
        "runs": "2",
        "name": "cats",
    }
    batch = await press(pod, path, **fields)
    assert "6 jobs" in await page(pod, batch)
    jobs = (await pod.client.get(f"/api/jobs?batch={batch.removeprefix('/batches/')}")).json()
    assert sorted(job["values"]["5.steps"] for job in jobs) == [2, 2, 3, 3, 4, 4]
    assert len({job["values"]["5.seed"] for job in jobs}) == 6
    for fields, message in [
        ({"value.steps": "many"}, "`steps` must be of type integer"),
        ({"axis": "steps", "axis_values": ""}, "needs a list of values"),
        ({"axis": "steps", "axis_values": "1..200", "runs": "1000"}, "makes 200,000 jobs"),
        ({"runs": "0"}, "runs:"),
    ]:
        refused = await pod.client.post(path, data=fields, headers={"HX-Request": "true"})
        assert refused.status_code == 400
        assert message in refused.headers["hx-trigger"]


async def test_a_new_job_needs_a_comfyui_that_runs(idle: ControlPlane) -> None:
    folder = idle.settings.workspace / "workflows"
    folder.mkdir(parents=True)
    (folder / "cats.json").write_text(json.dumps(picture()))
    assert "The form cannot be shown" in await page(idle, "/jobs/new?template=folder:cats")
    await page(idle, "/jobs/new?template=folder:dogs", 404)
