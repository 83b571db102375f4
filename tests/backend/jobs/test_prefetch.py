"""The prompt of the next job waits at ComfyUI while another one runs, and is taken back when it must not run next."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from backend.core.async_tools import cancel_and_wait
from backend.jobs.models import ErrorKind, Job, JobState
from backend.jobs.schemas import ChangeRequest
from tests.backend.jobs.pods import Pod, running_pod
from tests.backend.jobs.test_survival import pod
from tests.support.comfyui.graphs import picture, through
from tests.support.comfyui.process import ComfyUI


class Gated:
    """Jobs behind one that waits for a file."""

    def __init__(self, plane: Pod, gate: Path):
        self.plane = plane
        self.gate = gate

    def held(self) -> dict[str, Any]:
        return through("TestWaitForFile", path=str(self.gate))

    async def start(self) -> tuple[Job, Job]:
        """Return a job that runs and one whose prompt waits behind it."""
        running = await self.plane.submit(self.held(), name="running")
        await self.plane.until(running, lambda now: now.state == JobState.RUNNING)
        following = await self.plane.submit(picture(), name="following")
        await self.plane.submitted(following)
        return running, following

    async def ended(self, *jobs: Job) -> list[JobState]:
        self.gate.touch()
        return [(await self.plane.ended(job)).state for job in jobs]


@pytest.fixture
async def gated(plane: Pod, tmp_path: Path) -> AsyncIterator[Gated]:
    yield Gated(plane, tmp_path / "gate")
    (tmp_path / "gate").touch()


async def names_in_history(plane: Pod, *jobs: Job) -> list[str]:
    """Return the names of the jobs in the order in which ComfyUI ran their prompts."""
    names = {attempt.id: job.name for job in jobs for attempt in await plane.queue.jobs.attempts(job.id)}
    return [names.get(prompt_id, "another prompt") for prompt_id in reversed(await plane.history())]


async def test_one_prompt_waits_at_comfyui_and_its_job_stays_queued(gated: Gated) -> None:
    running, following = await gated.start()
    last = await gated.plane.submit(picture(), name="last")
    attempt = await gated.plane.attempt(following)
    assert await gated.plane.waiting_at_comfyui() == [attempt.id]
    assert await gated.plane.queue.state(following) == JobState.QUEUED
    assert (await gated.plane.queue.jobs.get(following.id)).run_count == 0
    assert await gated.ended(running, following, last) == [JobState.SUCCEEDED] * 3
    assert await names_in_history(gated.plane, running, following, last) == ["running", "following", "last"]


async def test_a_job_of_priority_one_runs_before_the_prompt_that_waits_at_comfyui(gated: Gated) -> None:
    running, following = await gated.start()
    urgent = await gated.plane.submit(picture(), name="urgent", priority=1)
    await gated.plane.submitted(urgent)
    assert await gated.ended(running, urgent, following) == [JobState.SUCCEEDED] * 3
    assert await names_in_history(gated.plane, running, urgent, following) == [
        "running",
        "urgent",
        "following",
    ]


async def test_a_cancelled_job_leaves_comfyuis_queue(gated: Gated) -> None:
    running, following = await gated.start()
    assert (await gated.plane.queue.jobs.cancel(following.id)).state == JobState.CANCELLED
    last = await gated.plane.submit(picture(), name="last")
    await gated.plane.submitted(last)
    assert await gated.ended(running, last) == [JobState.SUCCEEDED] * 2
    assert await names_in_history(gated.plane, running, following, last) == ["running", "last"]
    assert await gated.plane.queue.state(following) == JobState.CANCELLED


async def test_changed_values_count_although_the_prompt_waits_at_comfyui(gated: Gated) -> None:
    running, following = await gated.start()
    before = await gated.plane.attempt(following)
    await gated.plane.queue.jobs.change(following.id, ChangeRequest(values={"1.width": 24}))
    await gated.plane.submitted(following)
    assert await gated.ended(running, following) == [JobState.SUCCEEDED] * 2
    (attempt,) = await gated.plane.queue.jobs.attempts(following.id)
    assert attempt.id != before.id
    assert await names_in_history(gated.plane, running, following) == ["running", "following"]


async def test_a_paused_queue_takes_the_prompt_back(gated: Gated) -> None:
    running, following = await gated.start()
    await gated.plane.queue.jobs.pause()
    await gated.plane.until(following, lambda now: now.attempt_id is None)
    assert await gated.ended(running) == [JobState.SUCCEEDED]
    assert await gated.plane.queue.state(following) == JobState.QUEUED
    await gated.plane.queue.jobs.resume()
    assert await gated.ended(following) == [JobState.SUCCEEDED]
    assert await names_in_history(gated.plane, running, following) == ["running", "following"]


async def test_a_prompt_of_comfyuis_own_page_goes_before_the_one_that_waits(gated: Gated) -> None:
    running, following = await gated.start()
    await gated.plane.comfy.prompts.submit(picture(), gated.plane.comfy.prompts.new_id())
    assert await gated.ended(running, following) == [JobState.SUCCEEDED] * 2
    assert await names_in_history(gated.plane, running, following) == [
        "running",
        "another prompt",
        "following",
    ]


async def test_only_the_job_that_ran_counts_a_crash_of_comfyui(gated: Gated, comfyui: ComfyUI) -> None:
    running, following = await gated.start()
    comfyui.kill()
    gated.gate.touch()
    await asyncio.to_thread(comfyui.start)
    assert await gated.ended(running, following) == [JobState.SUCCEEDED] * 2
    ended = [await gated.plane.queue.jobs.get(job.id) for job in (running, following)]
    assert [(job.crashes, job.run_count) for job in ended] == [(1, 2), (0, 1)]


async def keep_running(comfyui: ComfyUI) -> None:
    """Start ComfyUI again whenever it has died."""
    while True:
        if comfyui.process.poll() is not None:
            await asyncio.to_thread(comfyui.start)
        await asyncio.sleep(0.05)


@pytest.mark.slow
async def test_a_job_that_kills_comfyui_is_blocked_and_its_neighbours_are_not(
    plane: Pod, comfyui: ComfyUI
) -> None:
    supervisor = asyncio.create_task(keep_running(comfyui))
    await plane.queue.jobs.pause()
    before, killer, after = [
        await plane.submit(prompt) for prompt in (picture(), through("TestCrash"), picture())
    ]
    await plane.queue.jobs.resume()
    assert (await plane.ended(killer)).state == JobState.BLOCKED
    assert [(await plane.ended(job)).state for job in (before, after)] == [JobState.SUCCEEDED] * 2
    await cancel_and_wait(supervisor)


async def test_both_prompts_are_found_again_after_a_crash_of_the_control_plane(
    comfyui: ComfyUI, tmp_path: Path
) -> None:
    async with running_pod(comfyui, tmp_path) as before:
        running, following = await Gated(before, tmp_path / "gate").start()
    async with running_pod(comfyui, tmp_path, "new.db") as after:
        assert await after.queue.state(following) == JobState.QUEUED
        assert await Gated(after, tmp_path / "gate").ended(running, following) == [JobState.SUCCEEDED] * 2
        assert await names_in_history(after, running, following) == ["running", "following"]


async def test_a_job_that_was_cancelled_before_a_crash_does_not_run_after_it(
    comfyui: ComfyUI, tmp_path: Path
) -> None:
    async with running_pod(comfyui, tmp_path) as before:
        running, following = await Gated(before, tmp_path / "gate").start()
        cancelled = await before.attempt(following)
    async with pod(tmp_path, tmp_path / "new.db") as without_a_worker:
        await without_a_worker.jobs.cancel(following.id)
    async with running_pod(comfyui, tmp_path, "another.db") as after:
        gated = Gated(after, tmp_path / "gate")
        last = await after.submit(picture(), name="last")
        await after.submitted(last)
        assert await gated.ended(running, last) == [JobState.SUCCEEDED] * 2
        assert cancelled.id not in await after.history()
        names = await names_in_history(after, running, last)
        assert [name for name in names if name != "another prompt"] == ["running", "last"]


async def test_a_prompt_that_comfyui_refuses_while_another_runs_fails_its_job(gated: Gated) -> None:
    running = await gated.plane.submit(gated.held(), name="running")
    await gated.plane.until(running, lambda now: now.state == JobState.RUNNING)
    refused = await gated.plane.ended(
        await gated.plane.submit({"1": {"class_type": "NoSuchNode", "inputs": {}}})
    )
    assert refused.error
    assert (refused.state, refused.run_count, refused.error.kind) == (JobState.FAILED, 1, ErrorKind.INVALID)
    assert await gated.ended(running) == [JobState.SUCCEEDED]
