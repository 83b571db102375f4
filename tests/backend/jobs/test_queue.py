"""Users fill, order, pause and empty the queue."""

import asyncio
from datetime import timedelta

import pytest
from pydantic import ValidationError

from backend.core import clock
from backend.core.errors import Conflict, InvalidRequest, NotFound
from backend.jobs.filters import JobFilter
from backend.jobs.models import ErrorKind, JobChanged, JobState, QueueFinished, new_id
from backend.jobs.schemas import ChangeRequest, JobRequest, SubmitRequest
from tests.backend.jobs.queue import PROMPT, Queue


async def test_jobs_run_by_priority_and_then_by_age(queue: Queue) -> None:
    await queue.submit_all(
        {"name": "a"}, {"name": "b", "priority": 10}, {"name": "c"}, {"name": "d", "priority": 10}
    )
    assert await queue.order() == ["b", "d", "a", "c"]
    assert [(await queue.run()).name for _ in range(4)] == ["b", "d", "a", "c"]


async def test_priority_1_runs_next_without_interrupting(queue: Queue) -> None:
    _, _, last = await queue.submit_all({"name": "a"}, {"name": "b"}, {"name": "c"})
    running, _ = await queue.claim()
    await queue.jobs.run_next(last.id)
    assert await queue.order() == ["c", "b"]
    assert await queue.state(running) == JobState.RUNNING


async def test_selected_jobs_move_first_or_last_in_their_order(queue: Queue) -> None:
    a, b, c, d = await queue.submit_all({"name": "a"}, {"name": "b"}, {"name": "c"}, {"name": "d"})
    await queue.jobs.move([d.id, b.id], first=True)
    assert await queue.order() == ["d", "b", "a", "c"]
    await queue.jobs.move([a.id, d.id], first=False)
    assert await queue.order() == ["b", "c", "a", "d"]
    assert c.state == JobState.QUEUED


async def test_workers_that_claim_at_once_never_get_the_same_job(queue: Queue) -> None:
    await queue.submit_all(*({"name": str(number)} for number in range(30)))
    claimed = await asyncio.gather(*(queue.claim(f"worker {number}") for number in range(30)))
    assert len({job.id for job, _ in claimed}) == 30
    assert await queue.jobs.claim("worker", clock.in_seconds(60), new_id()) is None


async def test_a_paused_queue_starts_nothing_until_it_is_resumed(queue: Queue) -> None:
    await queue.submit(name="a")
    await queue.jobs.pause()
    assert await queue.jobs.claim("worker", clock.in_seconds(60), new_id()) is None
    await queue.jobs.resume()
    assert (await queue.run()).name == "a"


async def test_submitting_twice_with_one_key_makes_one_job(queue: Queue) -> None:
    first = await queue.submit(name="a", idempotency_key="k1")
    second = await queue.submit(name="b", idempotency_key="k1")
    assert second.id == first.id
    assert await queue.order() == ["a"]


async def test_a_batch_is_queued_whole_or_not_at_all(queue: Queue) -> None:
    with pytest.raises(InvalidRequest, match="no node 99"):
        await queue.submit_all({"name": "a"}, {"name": "b", "values": {"99.text": "x"}})
    assert await queue.order() == []


@pytest.mark.parametrize(
    ("prompt", "message"),
    [
        ({}, "empty"),
        ({"1": {"inputs": {}}}, "class_type"),
        ({"1": "text"}, "class_type"),
        ({"nodes": [], "links": []}, "class_type"),
    ],
)
async def test_what_is_no_prompt_is_refused_with_a_reason(
    queue: Queue, prompt: dict[str, object], message: str
) -> None:
    with pytest.raises(InvalidRequest, match=message):
        await queue.jobs.submit(SubmitRequest(prompt=prompt), "owner")


async def test_a_job_that_has_not_started_can_be_changed(queue: Queue) -> None:
    job = await queue.submit(name="a")
    await queue.jobs.change(job.id, ChangeRequest(values={"6.text": "a dog"}, name="dog"))
    changed = await queue.jobs.get(job.id)
    assert (changed.name, changed.values) == ("dog", {"6.text": "a dog"})
    with pytest.raises(InvalidRequest, match="is not an input"):
        await queue.jobs.change(job.id, ChangeRequest(values={"text": "x"}))


async def test_a_running_job_can_only_change_its_priority(queue: Queue) -> None:
    await queue.submit(name="a")
    job, _ = await queue.claim()
    await queue.jobs.change(job.id, ChangeRequest(priority=3))
    with pytest.raises(Conflict, match="is running"):
        await queue.jobs.change(job.id, ChangeRequest(values={}))


async def test_cancelling_twice_is_no_error_and_an_ended_job_cannot_be_cancelled(queue: Queue) -> None:
    job = await queue.submit(name="a")
    await queue.jobs.cancel(job.id)
    assert (await queue.jobs.cancel(job.id)).state == JobState.CANCELLED
    await queue.submit(name="b")
    done = await queue.run()
    with pytest.raises(Conflict, match="nothing to cancel"):
        await queue.jobs.cancel(done.id)


async def test_an_unknown_job_is_not_found(queue: Queue) -> None:
    with pytest.raises(NotFound, match="comfypod jobs ls"):
        await queue.jobs.get("nothing")


async def test_a_job_with_a_start_time_waits_for_it(queue: Queue) -> None:
    job = await queue.submit(name="later", start_at=clock.in_seconds(3600))
    await queue.lifecycle.release_waiting()
    assert await queue.state(job) == JobState.WAITING
    await queue.jobs.change(job.id, ChangeRequest(start_at=clock.now() - timedelta(seconds=1)))
    assert await queue.state(job) == JobState.QUEUED


async def test_a_job_whose_deadline_has_passed_expires(queue: Queue) -> None:
    job = await queue.submit(name="late", deadline=clock.now() - timedelta(seconds=1))
    follower = await queue.submit(name="follower", depends_on=[job.id])
    await queue.lifecycle.release_waiting()
    assert await queue.state(job) == JobState.EXPIRED
    assert await queue.state(follower) == JobState.BLOCKED


async def test_a_dependent_job_runs_after_the_one_that_it_needs(queue: Queue) -> None:
    first = await queue.submit(name="first")
    second = await queue.submit(name="second", depends_on=[first.id])
    assert await queue.state(second) == JobState.WAITING
    await queue.run()
    assert await queue.state(second) == JobState.QUEUED


async def test_a_failed_dependency_blocks_everything_behind_it_and_nothing_waits_forever(
    queue: Queue,
) -> None:
    first = await queue.submit(name="first")
    second = await queue.submit(name="second", depends_on=[first.id])
    third = await queue.submit(name="third", depends_on=[second.id])
    await queue.jobs.cancel(first.id)
    assert [await queue.state(job) for job in (second, third)] == [JobState.BLOCKED, JobState.BLOCKED]


async def test_depending_on_a_job_that_does_not_exist_is_refused(queue: Queue) -> None:
    with pytest.raises(InvalidRequest, match="no job"):
        await queue.submit(depends_on=["nothing"])


async def test_the_newest_jobs_come_in_pages(queue: Queue) -> None:
    for number in range(5):
        await queue.submit(name=str(number))
    page = await queue.jobs.newest(JobFilter(), 2)
    last = page[-1]
    following = await queue.jobs.newest(JobFilter(), 10, (clock.to_text(last.created_at), last.id))
    assert sorted(job.name for job in (*page, *following)) == ["0", "1", "2", "3", "4"]
    assert len(following) == 3


async def test_the_end_of_the_queue_is_announced_once(queue: Queue) -> None:
    ends: list[QueueFinished] = []
    queue.events.subscribe(QueueFinished, ends.append)
    await queue.submit_all({}, {})
    await queue.run()
    assert ends == []
    await queue.run()
    assert ends == [QueueFinished(succeeded=2, failed=0)]


async def test_many_jobs_share_one_copy_of_their_workflow(queue: Queue) -> None:
    jobs = await queue.submit_all(*({"values": {"3.seed": seed}} for seed in range(50)))
    assert len({job.prompt_hash for job in jobs}) == 1
    assert (await queue.jobs.prompt(jobs[7])).prompt == PROMPT


async def test_every_job_that_another_one_releases_or_blocks_is_announced(queue: Queue) -> None:
    announced: list[tuple[str, JobState]] = []
    queue.events.subscribe(JobChanged, lambda event: announced.append((event.job.name, event.job.state)))
    good = await queue.submit(name="good")
    await queue.submit(name="released", depends_on=[good.id], priority=900)
    await queue.run()
    assert announced[-1] == ("released", JobState.QUEUED)
    bad = await queue.submit(name="bad")
    await queue.submit(name="blocked", depends_on=[bad.id])
    await queue.fail(ErrorKind.INVALID)
    assert announced[-1] == ("blocked", JobState.BLOCKED)
    left = await queue.submit(name="left")
    await queue.submit(name="left alone", depends_on=[left.id])
    await queue.jobs.cancel(left.id)
    assert announced[-1] == ("left alone", JobState.BLOCKED)


async def test_times_beyond_the_calendar_are_refused() -> None:
    for moment in ("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00"):
        with pytest.raises(ValidationError, match="too far away"):
            JobRequest.model_validate({"start_at": moment})
