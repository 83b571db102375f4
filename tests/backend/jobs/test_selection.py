"""A user acts on several jobs at once."""

from backend.jobs.models import ErrorKind, JobState
from backend.jobs.selection import Selection
from tests.backend.jobs.queue import Queue


async def test_what_can_be_cancelled_is_and_what_depends_on_it_is_blocked(queue: Queue) -> None:
    selection = Selection(queue.store, queue.lifecycle, queue.jobs)
    done, first, second = await queue.submit_all({"name": "done"}, {"name": "first"}, {"name": "second"})
    dependent = await queue.submit(depends_on=[first.id])
    await queue.run()
    assert await selection.cancel([done.id, first.id, second.id, "gone", first.id]) == 2
    assert [await queue.state(job) for job in (done, first, second, dependent)] == [
        JobState.SUCCEEDED,
        JobState.CANCELLED,
        JobState.CANCELLED,
        JobState.BLOCKED,
    ]


async def test_several_jobs_get_a_priority_and_failed_ones_are_tried_again(queue: Queue) -> None:
    selection = Selection(queue.store, queue.lifecycle, queue.jobs)
    failed, other = await queue.submit_all({"name": "failed"}, {"name": "other"})
    await queue.fail(ErrorKind.INVALID)
    assert await selection.set_priority([failed.id, other.id], 7) == 1
    assert (await queue.jobs.get(other.id)).priority == 7
    assert await selection.retry([failed.id, other.id]) == 1
    assert await queue.state(failed) == JobState.QUEUED
