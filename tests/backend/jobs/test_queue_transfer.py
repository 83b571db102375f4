"""A queue moves to another pod, and prompts move from ComfyUI's queue into ours."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from backend.comfy.client import ComfyClient
from backend.core.errors import InvalidRequest
from backend.jobs.queue_files import QueueDocument, export_queue, import_queue
from backend.jobs.schemas import ChangeRequest
from tests.backend.jobs.queue import Queue
from tests.backend.jobs.test_api import follow, submit
from tests.backend.jobs.test_survival import pod as queue_of
from tests.support.comfyui.graphs import picture, through
from tests.support.comfyui.process import ComfyUI, running
from tests.support.control_plane import ControlPlane, running_control_plane


async def test_a_queue_is_exported_and_imported_with_its_order_and_dependencies(
    queue: Queue, tmp_path: Path
) -> None:
    await queue.submit(name="done")
    await queue.run()
    first, last = await queue.submit_all({"name": "first", "values": {"3.seed": 7}}, {"name": "last"})
    await queue.submit(name="child", depends_on=[first.id])
    await queue.jobs.change(last.id, ChangeRequest(priority=900))
    document = QueueDocument.model_validate_json((await export_queue(queue.jobs)).model_dump_json())
    async with queue_of(tmp_path, tmp_path / "other.db") as other:
        for _ in range(2):
            imported = await import_queue(other.jobs, document, "owner")
        assert len(imported) == 3
        assert await other.order() == ["first", "last"]
        assert [(await other.run()).name for _ in range(3)] == ["first", "child", "last"]
        seeds = {job.name: job.values for job in imported}
        assert seeds["first"] == {"3.seed": 7}


async def test_a_document_that_does_not_fit_together_is_refused_and_queues_nothing(queue: Queue) -> None:
    await queue.submit(name="a")
    document = await export_queue(queue.jobs)
    (job,) = document.jobs
    circle = [
        job.model_copy(update={"depends_on": ["b"]}),
        job.model_copy(update={"id": "b", "depends_on": [job.id]}),
    ]
    for broken in (
        document.model_copy(update={"prompts": {}}),
        document.model_copy(update={"jobs": [job, job]}),
        document.model_copy(update={"jobs": [job.model_copy(update={"depends_on": ["nothing"]})]}),
        document.model_copy(update={"jobs": circle}),
    ):
        with pytest.raises(InvalidRequest):
            await import_queue(queue.jobs, broken, "owner")
    assert await queue.order() == ["a"]


@pytest.fixture
def comfyui(workspace: Path) -> Iterator[ComfyUI]:
    with running(ComfyUI(workspace / "ComfyUI").with_test_nodes()) as comfyui:
        yield comfyui


@pytest.fixture
async def pod(workspace: Path, comfyui: ComfyUI) -> AsyncIterator[ControlPlane]:
    async with running_control_plane(workspace, comfyui_url=comfyui.url) as pod:
        yield pod


async def test_prompts_that_wait_in_comfyui_become_jobs_and_run_once(
    pod: ControlPlane, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    prompts = pod.app.registry.get(ComfyClient).prompts
    own = [prompts.new_id() for _ in range(3)]
    await prompts.submit(through("TestWaitForFile", path=str(gate)), own[0])
    for prompt_id in own[1:]:
        await prompts.submit(picture(), prompt_id)
    async with asyncio.timeout(60):
        while (await prompts.queue())[0].state != "running":  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    adopted = (await pod.client.post("/api/jobs/adopt")).json()
    assert [job["source"] for job in adopted] == ["comfyui", "comfyui"]
    assert [prompt.prompt_id for prompt in await prompts.queue()] == own[:1]
    assert (await pod.client.post("/api/jobs/adopt")).json() == []
    gate.touch()
    for job in adopted:
        assert (await follow(pod, job["id"]))[-1][1]["state"] == "succeeded"
    assert len(await prompts.history()) == 3


async def test_jobs_go_before_the_prompts_of_comfyui_if_the_setting_says_so(
    pod: ControlPlane, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    await pod.client.patch("/api/jobs/settings", json={"comfyui_first": False})
    prompts = pod.app.registry.get(ComfyClient).prompts
    first, second = prompts.new_id(), prompts.new_id()
    await prompts.submit(through("TestWaitForFile", path=str(gate)), first)
    await prompts.submit(picture(), second)
    (job,) = await submit(pod, picture())
    async with asyncio.timeout(60):
        while len(await prompts.queue()) < 3:  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    gate.touch()
    await follow(pod, job["id"])
    (attempt,) = (await pod.client.get(f"/api/jobs/{job['id']}")).json()["attempts"]
    async with asyncio.timeout(60):
        while len(await prompts.history()) < 3:  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    assert [record.prompt_id for record in await prompts.history()] == [second, attempt["id"], first]


async def test_settings_are_changed_one_by_one_by_an_administrator(pod: ControlPlane) -> None:
    changed = await pod.client.patch("/api/jobs/settings", json={"max_jobs": 5})
    assert (changed.json()["max_jobs"], changed.json()["comfyui_first"]) == (5, True)
    quiet = {"start": "22:00", "end": "06:00", "time_zone": "Nowhere/Land"}
    refused = await pod.client.patch("/api/jobs/settings", json={"quiet_hours": quiet})
    assert (refused.status_code, "time zone" in refused.text) == (400, True)
    key = await pod.create_key("read", "run")
    async with pod.anonymous(**{"X-API-Key": key}) as program:
        assert (await program.get("/api/jobs/settings")).json()["max_jobs"] == 5
        assert (await program.patch("/api/jobs/settings", json={"max_jobs": 9})).status_code == 403
        for expected in (201, 429):
            answer = await program.post("/api/jobs", json={"prompt": picture(), "jobs": [{}] * 5})
            assert answer.status_code == expected
        assert answer.headers["Retry-After"] == "60"
