"""A user puts queued jobs into another order."""

import pytest

from backend.core.errors import Conflict
from backend.jobs.models import Job
from backend.jobs.ordering import Ordering
from tests.backend.jobs.queue import Queue


@pytest.fixture
def ordering(queue: Queue) -> Ordering:
    return Ordering(queue.store, queue.lifecycle, queue.events)


async def submit(queue: Queue, names: str, **job: int) -> dict[str, Job]:
    return {job.name: job for job in await queue.submit_all(*({"name": name, **job} for name in names))}


async def test_jobs_are_put_before_another_one(queue: Queue, ordering: Ordering) -> None:
    jobs = await submit(queue, "abcde")
    await ordering.place_before([jobs["e"].id, jobs["d"].id], jobs["b"].id)
    assert "".join(await queue.order()) == "aedbc"


async def test_a_job_is_put_after_another_one(queue: Queue, ordering: Ordering) -> None:
    jobs = await submit(queue, "abc")
    await ordering.place_after([jobs["a"].id], jobs["b"].id)
    assert "".join(await queue.order()) == "bac"
    await ordering.place_after([jobs["b"].id], jobs["c"].id)
    assert "".join(await queue.order()) == "acb"


async def test_a_job_gets_the_priority_of_the_one_beside_it(queue: Queue, ordering: Ordering) -> None:
    urgent, normal = await submit(queue, "xy", priority=1), await submit(queue, "ab")
    (placed,) = await ordering.place_after([normal["b"].id], urgent["x"].id)
    assert placed.priority == 1
    assert "".join(await queue.order()) == "xbya"
    (placed,) = await ordering.place_before([urgent["x"].id], normal["a"].id)
    assert placed.priority == 50
    assert "".join(await queue.order()) == "byxa"


async def test_two_jobs_change_places_again_and_again(queue: Queue, ordering: Ordering) -> None:
    jobs = await submit(queue, "abcd")
    for first, second in [("c", "b"), ("b", "c")] * 15:
        await ordering.place_before([jobs[first].id], jobs[second].id)
        assert "".join(await queue.order()) == f"a{first}{second}d"


async def test_a_job_that_has_ended_has_no_place(queue: Queue, ordering: Ordering) -> None:
    jobs = await submit(queue, "ab")
    await queue.run()
    with pytest.raises(Conflict, match="a is succeeded now"):
        await ordering.place_before([jobs["b"].id], jobs["a"].id)
