"""The queue outlives its process, its database and its pod."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from backend.core import clock
from backend.core.database import open_database
from backend.core.errors import CannotRecord
from backend.core.events import EventBus
from backend.core.journal import Journal
from backend.jobs.lifecycle import Lifecycle
from backend.jobs.models import ErrorKind, JobState, Output
from backend.jobs.service import Jobs
from backend.jobs.store import JobStore
from tests.backend.jobs.queue import PROMPT, Queue

IMAGE = Output(path="cat.png", node_id="9", kind="image", bytes=3, sha256="0" * 64, media_type="image/png")


@asynccontextmanager
async def pod(volume: Path, database_file: Path) -> AsyncIterator[Queue]:
    async with open_database(database_file) as database:
        store = JobStore(database, Journal(volume / "journal.jsonl"))
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
            taken = await again.lifecycle.take_over("new worker", clock.in_seconds(60))
            assert taken
            job, same = taken
            assert (same.id, same.worker_id, job.state) == (attempt.id, "new worker", JobState.RUNNING)
            assert await again.lifecycle.take_over("another worker", clock.in_seconds(60)) is None


async def test_a_change_that_reached_only_the_journal_is_applied_at_the_next_start(tmp_path: Path) -> None:
    """As after a crash between the journal and the commit."""
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
