"""The queue outlives its process, its database and its pod."""

import asyncio
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from backend.core import clock
from backend.core.database import open_database
from backend.core.errors import CannotRecord
from backend.core.events import EventBus
from backend.core.journal import Journal
from backend.jobs import store as store_module
from backend.jobs.filters import JobFilter
from backend.jobs.journal_takeover import JournalTakeover
from backend.jobs.lifecycle import Lifecycle
from backend.jobs.models import ErrorKind, JobState, Output
from backend.jobs.schemas import ChangeRequest
from backend.jobs.service import Jobs
from backend.jobs.store import JobStore
from tests.backend.jobs.queue import PROMPT, Queue

IMAGE = Output(path="cat.png", node_id="9", kind="image", bytes=3, sha256="0" * 64, media_type="image/png")


@asynccontextmanager
async def pod(volume: Path, database_file: Path) -> AsyncIterator[Queue]:
    async with pod_with(volume / "journal.jsonl", database_file) as queue:
        yield queue


@asynccontextmanager
async def pod_with(journal: Path, database_file: Path) -> AsyncIterator[Queue]:
    async with open_database(database_file) as database:
        store = JobStore(database, Journal(journal))
        await store.prepare()
        events = EventBus()
        lifecycle = Lifecycle(store, events)
        jobs = Jobs(store, lifecycle, events)
        await jobs.load()
        yield Queue(store, lifecycle, jobs, events)


async def test_a_new_pod_with_an_empty_database_has_the_same_queue(tmp_path: Path) -> None:
    async with pod(tmp_path, tmp_path / "first.db") as first:
        done, failed, queued = await first.submit_all(
            {"name": "done"}, {"name": "failed"}, {"name": "queued"}
        )
        job, attempt = await first.claim()
        await first.lifecycle.succeed(job.id, attempt, (IMAGE,))
        await first.fail(ErrorKind.INVALID)
        await first.jobs.pause()
    async with pod(tmp_path, tmp_path / "second.db") as second:
        states = [await second.state(job) for job in (done, failed, queued)]
        assert states == [JobState.SUCCEEDED, JobState.FAILED, JobState.QUEUED]
        assert await second.jobs.outputs(done.id) == (IMAGE,)
        assert (await second.jobs.prompt(queued)).prompt == PROMPT
        assert second.jobs.is_paused


async def test_an_attempt_under_way_is_taken_over_with_its_prompt_id(tmp_path: Path) -> None:
    async with pod(tmp_path, tmp_path / "first.db") as first:
        await first.submit(name="a")
        _, attempt = await first.claim("worker of a dead process")
    for database_file in ("first.db", "new.db"):
        async with pod(tmp_path, tmp_path / database_file) as again:
            worker_id = f"worker of {database_file}"
            taken = await again.lifecycle.take_over(worker_id, clock.in_seconds(60))
            assert taken
            job, same = taken
            assert (same.id, same.worker_id, job.state) == (attempt.id, worker_id, JobState.RUNNING)
            assert await again.lifecycle.take_over("another worker", clock.in_seconds(60)) is None


@pytest.fixture
async def gone(tmp_path: Path) -> Path:
    """Return the journal of a pod with a finished, a running and a queued job, silent for an hour."""
    journal = tmp_path / "journals" / "gone.jsonl"
    async with pod_with(journal, tmp_path / "gone.db") as queue:
        await queue.submit_all(
            {"name": "done"}, {"name": "running"}, {"name": "queued", "idempotency_key": "k"}
        )
        await queue.run()
        await queue.claim()
    hour_ago = time.time() - 3600
    os.utime(journal, (hour_ago, hour_ago))
    return journal


async def test_a_new_pod_takes_over_the_jobs_of_one_that_is_gone(gone: Path, tmp_path: Path) -> None:
    own = gone.with_name("new.jsonl")
    async with pod_with(own, tmp_path / "new.db") as queue:
        await JournalTakeover(own, queue.store, queue.lifecycle).take_over()
        assert not gone.exists()
        assert await queue.order() == ["queued"]
        taken = await queue.lifecycle.take_over("new worker", clock.in_seconds(60))
        assert taken
        assert taken[0].name == "running"
    async with pod_with(own, tmp_path / "later.db") as later:
        assert {job.name: job.state for job in await later.jobs.newest(JobFilter(), 10)} == {
            "done": JobState.SUCCEEDED,
            "running": JobState.RUNNING,
            "queued": JobState.QUEUED,
        }


async def test_a_journal_that_has_grown_is_rewritten_and_says_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_module, "COMPACT_BYTES", 1000)
    journal = tmp_path / "journal.jsonl"
    async with pod_with(journal, tmp_path / "state.db") as queue:
        job = await queue.submit(name="a")
        await queue.submit(name="b")
        for priority in range(1, 40):
            await queue.jobs.change(job.id, ChangeRequest(priority=priority))
        await queue.run()
        before = journal.stat().st_size
        await queue.store.compact()
        assert journal.stat().st_size < before / 4
        await queue.submit(name="c")
    for database in ("state.db", "new.db"):
        async with pod_with(journal, tmp_path / database) as again:
            assert await again.order() == ["b", "c"]
            assert await again.state(job) == JobState.SUCCEEDED


async def test_of_two_new_pods_one_takes_over(gone: Path, tmp_path: Path) -> None:
    paths = [gone.with_name(f"new-{number}.jsonl") for number in range(2)]
    async with pod_with(paths[0], tmp_path / "0.db") as one, pod_with(paths[1], tmp_path / "1.db") as other:
        pods = [
            JournalTakeover(path, queue.store, queue.lifecycle)
            for path, queue in zip(paths, (one, other), strict=True)
        ]
        await asyncio.gather(*(pod.take_over() for pod in pods))
        assert sorted([await one.order(), await other.order()]) == [[], ["queued"]]


async def test_the_jobs_of_a_living_pod_are_left_alone(gone: Path, tmp_path: Path) -> None:
    os.utime(gone)
    own = gone.with_name("new.jsonl")
    async with pod_with(own, tmp_path / "new.db") as queue:
        await JournalTakeover(own, queue.store, queue.lifecycle).take_over()
        assert gone.exists()
        assert await queue.order() == []


async def test_a_takeover_that_was_interrupted_is_finished_and_undoes_nothing(
    gone: Path, tmp_path: Path
) -> None:
    own = gone.with_name("new.jsonl")
    left = gone.read_bytes()
    async with pod_with(own, tmp_path / "new.db") as queue:
        await JournalTakeover(own, queue.store, queue.lifecycle).take_over()
        done = await queue.run()
        gone.with_name("gone.jsonl.taken-by-new").write_bytes(left)
        await JournalTakeover(own, queue.store, queue.lifecycle).take_over()
        assert await queue.state(done) == JobState.SUCCEEDED


async def test_a_pod_that_dies_during_a_takeover_leaves_the_journal_to_the_next(
    gone: Path, tmp_path: Path
) -> None:
    half_taken = gone.rename(gone.with_name("gone.jsonl.taken-by-dead"))
    own = gone.with_name("new.jsonl")
    async with pod_with(own, tmp_path / "new.db") as queue:
        await JournalTakeover(own, queue.store, queue.lifecycle).take_over()
        assert await queue.order() == ["queued"]
        assert not half_taken.exists()


async def test_a_change_that_reached_only_the_journal_is_applied_at_the_next_start(tmp_path: Path) -> None:
    """Start as after a crash between the journal and the commit."""
    async with pod(tmp_path, tmp_path / "state.db") as before:
        await before.submit(name="a")
        old = (tmp_path / "state.db").read_bytes()
        job = await before.submit(name="b")
    (tmp_path / "state.db").write_bytes(old)
    async with pod(tmp_path, tmp_path / "state.db") as after:
        assert await after.state(job) == JobState.QUEUED


async def test_a_volume_that_refuses_the_journal_leaves_nothing_half_submitted(tmp_path: Path) -> None:
    async with pod(tmp_path / "volume", tmp_path / "state.db") as queue:
        await queue.submit(name="a")
        journal = tmp_path / "volume" / "journal.jsonl"
        content = journal.read_bytes()
        journal.unlink()
        journal.mkdir()
        with pytest.raises(CannotRecord, match="journal"):
            await queue.submit(name="b")
        assert await queue.order() == ["a"]
        journal.rmdir()
        journal.write_bytes(content)
        await queue.submit(name="c")
        assert await queue.order() == ["a", "c"]
