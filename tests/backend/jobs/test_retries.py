"""A failed run is tried again only where that can help."""

import pytest

from backend.core.errors import Conflict
from backend.jobs.models import ErrorKind, JobState
from tests.backend.jobs.queue import Queue


@pytest.mark.parametrize("kind", [ErrorKind.INVALID, ErrorKind.MISSING_MODEL])
async def test_what_comfyui_refuses_is_never_tried_again(queue: Queue, kind: ErrorKind) -> None:
    await queue.submit(retry_limit=5)
    failed = await queue.fail(kind)
    assert failed.state == JobState.FAILED
    assert failed.error
    assert "retry" in failed.error.message or "Correct" in failed.error.message


async def test_a_node_that_fails_is_tried_again_up_to_the_limit(queue: Queue) -> None:
    await queue.submit(retry_limit=2)
    states = [(await queue.fail(ErrorKind.NODE)).state for _ in range(3)]
    assert states == [JobState.QUEUED, JobState.QUEUED, JobState.FAILED]


async def test_out_of_memory_is_tried_once_more_and_then_fails_with_advice(queue: Queue) -> None:
    await queue.submit(retry_limit=9)
    assert (await queue.fail(ErrorKind.OUT_OF_MEMORY)).state == JobState.QUEUED
    failed = await queue.fail(ErrorKind.OUT_OF_MEMORY)
    assert failed.state == JobState.FAILED
    assert failed.error
    assert "quantized" in failed.error.message


async def test_a_restart_of_comfyui_costs_no_retry(queue: Queue) -> None:
    await queue.submit(retry_limit=0)
    again = await queue.fail(ErrorKind.COMFYUI_DIED)
    assert (again.state, again.failures) == (JobState.QUEUED, 0)
    assert (await queue.run()).state == JobState.SUCCEEDED


async def test_a_job_that_kills_comfyui_twice_is_blocked_until_a_user_retries_it(queue: Queue) -> None:
    job = await queue.submit()
    await queue.fail(ErrorKind.COMFYUI_DIED)
    blocked = await queue.fail(ErrorKind.COMFYUI_DIED)
    assert blocked.state == JobState.BLOCKED
    retried = await queue.jobs.retry(job.id)
    assert (retried.state, retried.crashes) == (JobState.QUEUED, 0)


async def test_a_lost_connection_does_not_repeat_forever(queue: Queue) -> None:
    await queue.submit(retry_limit=0)
    states = [(await queue.fail(ErrorKind.CONNECTION)).state for _ in range(20)]
    assert states == [JobState.QUEUED] * 19 + [JobState.FAILED]


async def test_a_job_that_has_succeeded_cannot_be_retried(queue: Queue) -> None:
    await queue.submit()
    done = await queue.run()
    with pytest.raises(Conflict, match="has not failed"):
        await queue.jobs.retry(done.id)


async def test_every_attempt_is_kept_with_its_error(queue: Queue) -> None:
    job = await queue.submit()
    await queue.fail(ErrorKind.NODE)
    await queue.run()
    first, second = await queue.jobs.attempts(job.id)
    assert first.error
    assert (first.number, first.error.message, second.number, second.error) == (1, "It failed.", 2, None)


async def test_jobs_that_are_retried_together_wait_for_each_other(queue: Queue) -> None:
    first = await queue.submit(name="first", retry_limit=0)
    second = await queue.submit(name="second", depends_on=[first.id])
    await queue.fail(ErrorKind.NODE)
    failed = [await queue.jobs.get(job.id) for job in (first, second)]
    assert [job.state for job in failed] == [JobState.FAILED, JobState.BLOCKED]
    retried = await queue.jobs.retry_all(failed)
    assert [job.state for job in retried] == [JobState.QUEUED, JobState.WAITING]
    await queue.run()
    assert await queue.state(second) == JobState.QUEUED


async def test_either_all_jobs_are_retried_or_none(queue: Queue) -> None:
    failed = await queue.submit(retry_limit=0)
    await queue.fail(ErrorKind.NODE)
    await queue.submit()
    succeeded = await queue.run()
    with pytest.raises(Conflict):
        await queue.jobs.retry_all([await queue.jobs.get(failed.id), succeeded])
    assert await queue.state(failed) == JobState.FAILED
