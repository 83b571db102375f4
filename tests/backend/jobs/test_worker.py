"""Jobs run at a ComfyUI that fails, dies, restarts and forgets."""

import asyncio
import hashlib
import json
from pathlib import Path

import pytest

from backend.jobs.cancellations import Cancellations
from backend.jobs.models import ErrorKind, JobState
from backend.jobs.staging import SIDECAR, Staging
from tests.backend.jobs.pods import Pod, running_pod
from tests.backend.jobs.test_staging import commit
from tests.backend.jobs.test_survival import pod
from tests.support.comfyui.graphs import picture, through
from tests.support.comfyui.process import ComfyUI


async def test_a_job_brings_its_picture_with_a_sidecar_that_says_how_it_was_made(plane: Pod) -> None:
    job = await plane.ended(await plane.submit(picture(), name="cat", values={"1.width": 16}))
    (output,) = await plane.queue.jobs.outputs(job.id)
    content = (plane.outputs / output.path).read_bytes()
    assert job.state == JobState.SUCCEEDED
    assert output.path.startswith("test/")
    assert output.path.endswith("/cat.png")
    assert (output.kind, output.bytes, output.sha256) == (
        "image",
        len(content),
        hashlib.sha256(content).hexdigest(),
    )
    sidecar = json.loads((plane.outputs / output.path).with_name("cat" + SIDECAR).read_text())
    assert sidecar["prompt"]["1"]["inputs"]["width"] == 16
    assert sidecar["outputs"][0]["sha256"] == output.sha256


async def test_results_never_overwrite_each_other(plane: Pod) -> None:
    jobs = [await plane.submit(picture(), name="cat") for _ in range(3)]
    ended = [await plane.ended(job) for job in jobs]
    paths = {output.path for job in ended for output in await plane.queue.jobs.outputs(job.id)}
    assert {Path(path).name for path in paths} == {"cat.png", "cat (2).png", "cat (3).png"}
    assert {Path(path).name for path in plane.outputs.rglob(f"*{SIDECAR}")} == {
        "cat.job.json",
        "cat (2).job.json",
        "cat (3).job.json",
    }


async def test_an_identical_job_is_marked_as_reused(plane: Pod) -> None:
    for reused in (False, True):
        job = await plane.ended(await plane.submit(picture(color=7)))
        (output,) = await plane.queue.jobs.outputs(job.id)
        assert output.reused == reused


async def test_a_failing_node_is_named_by_its_title_and_tried_again_to_the_limit(plane: Pod) -> None:
    prompt = through("TestFail", message="the reason")
    prompt["5"]["_meta"] = {"title": "My node"}
    job = await plane.ended(await plane.submit(prompt, retry_limit=1))
    assert (job.state, job.run_count) == (JobState.FAILED, 2)
    assert job.error
    assert (job.error.kind, job.error.node_id, job.error.node_title) == (ErrorKind.NODE, "5", "My node")
    assert "the reason" in job.error.message
    assert job.error.traceback


async def test_a_workflow_that_comfyui_refuses_fails_at_once_with_its_answer(plane: Pod) -> None:
    job = await plane.ended(await plane.submit({"1": {"class_type": "NoSuchNode", "inputs": {}}}))
    assert (job.state, job.run_count) == (JobState.FAILED, 1)
    assert job.error
    assert job.error.kind == ErrorKind.INVALID
    assert "NoSuchNode" in job.error.message


async def test_out_of_memory_is_tried_once_more_and_fails_with_advice(plane: Pod) -> None:
    job = await plane.ended(await plane.submit(through("TestOutOfMemory")))
    assert (job.state, job.run_count) == (JobState.FAILED, 2)
    assert job.error
    assert job.error.kind == ErrorKind.OUT_OF_MEMORY
    assert "smaller" in job.error.message


async def test_a_running_job_is_cancelled_at_comfyui_too(plane: Pod) -> None:
    job = await plane.submit(through("TestSlow", steps=10_000, seconds=0.01))
    await plane.until(job, lambda now: now.state == JobState.RUNNING)
    await plane.queue.jobs.cancel(job.id)
    assert (await plane.ended(job)).state == JobState.CANCELLED
    assert await plane.comfy.prompts.remaining() == 0


async def test_progress_is_published_while_a_job_runs(plane: Pod) -> None:
    job = await plane.submit(through("TestSlow", steps=1000, seconds=0.02))
    progress = await plane.progress(job)
    assert (progress.running, progress.maximum) == (("5",), 1000)
    await plane.queue.jobs.cancel(job.id)
    await plane.ended(job)


async def test_a_restart_of_comfyui_in_the_middle_costs_no_retry(
    comfyui: ComfyUI, plane: Pod, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    job = await plane.submit(through("TestWaitForFile", path=str(gate)), retry_limit=0)
    await plane.until(job, lambda now: now.state == JobState.RUNNING)
    comfyui.kill()
    gate.touch()
    await asyncio.to_thread(comfyui.start)
    job = await plane.ended(job)
    assert (job.state, job.failures) == (JobState.SUCCEEDED, 0)


async def test_a_control_plane_that_dies_finds_its_prompt_again_instead_of_sending_it_twice(
    comfyui: ComfyUI, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    async with running_pod(comfyui, tmp_path) as before:
        job = await before.submit(through("TestWaitForFile", path=str(gate)))
        await before.until(job, lambda now: now.state == JobState.RUNNING)
        await before.submitted(job)
    for database in ("state.db", "new.db"):
        async with running_pod(comfyui, tmp_path, database) as after:
            assert await after.queue.state(job) == JobState.RUNNING
    gate.touch()
    async with running_pod(comfyui, tmp_path, "another.db") as last:
        assert (await last.ended(job)).state == JobState.SUCCEEDED
        (attempt,) = await last.queue.jobs.attempts(job.id)
        assert await last.history() == [attempt.id]


async def test_outputs_that_a_killed_process_had_complete_are_not_made_again(
    comfyui: ComfyUI, tmp_path: Path
) -> None:
    outputs = tmp_path / "outputs"
    async with pod(tmp_path, tmp_path / "state.db") as before:
        job = await before.submit(name="cat")
        _, attempt = await before.claim()
        commit(Staging(outputs, attempt.id), outputs / "day" / "cat", b"a picture")
    comfyui.stop()
    async with running_pod(comfyui, tmp_path, "new.db") as after:
        assert (await after.ended(job)).state == JobState.SUCCEEDED
        (output,) = await after.queue.jobs.outputs(job.id)
        assert (outputs / output.path).read_bytes() == b"a picture"


async def test_a_running_job_that_a_user_cancelled_stays_cancelled_after_a_crash(
    comfyui: ComfyUI, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running_pod(comfyui, tmp_path) as before:
        job = await before.submit(through("TestSlow", steps=10_000, seconds=0.01))
        await before.until(job, lambda now: now.state == JobState.RUNNING)
        await before.submitted(job)
        monkeypatch.setattr(before.queue.jobs, "cancellations", Cancellations())  # the worker learns nothing
        await before.queue.jobs.cancel(job.id)
    async with running_pod(comfyui, tmp_path, "new.db") as after:
        assert (await after.ended(job)).state == JobState.CANCELLED


async def test_prompts_of_comfyuis_own_page_go_first(plane: Pod, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    await plane.queue.jobs.pause()
    own = plane.comfy.prompts.new_id()
    await plane.comfy.prompts.submit(through("TestWaitForFile", path=str(gate)), own)
    job = await plane.submit(picture())
    await plane.queue.jobs.resume()
    assert await plane.queue.state(job) == JobState.QUEUED
    gate.touch()
    await plane.ended(job)
    (attempt,) = await plane.queue.jobs.attempts(job.id)
    assert await plane.history() == [attempt.id, own]
