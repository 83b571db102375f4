"""How the queue behaves is a setting: limits, quiet hours, what follows a crash."""

from datetime import UTC, datetime, time
from pathlib import Path

import pytest

from backend.core.errors import TooManyRequests
from backend.jobs.models import ErrorKind, JobState
from backend.jobs.queue_settings import AfterCrash, QueueSettingsChange, QuietHours
from tests.backend.jobs.queue import Queue
from tests.backend.jobs.test_survival import pod


@pytest.mark.parametrize(
    ("hours", "moment", "quiet"),
    [
        (("22:00", "06:00"), "23:30", True),
        (("22:00", "06:00"), "05:59", True),
        (("22:00", "06:00"), "06:00", False),
        (("22:00", "06:00"), "12:00", False),
        (("09:00", "17:00"), "12:00", True),
        (("09:00", "17:00"), "17:00", False),
        (("09:00", "09:00"), "09:00", False),
    ],
)
def test_quiet_hours_may_span_midnight(hours: tuple[str, str], moment: str, quiet: bool) -> None:
    start, end = map(time.fromisoformat, hours)
    now = datetime.combine(datetime(2026, 11, 27, tzinfo=UTC), time.fromisoformat(moment), UTC)
    assert QuietHours(start=start, end=end, time_zone="UTC").include(now) == quiet


def test_quiet_hours_are_of_their_time_zone() -> None:
    hours = QuietHours(start=time(22), end=time(6), time_zone="Asia/Tokyo")
    assert hours.include(datetime(2026, 11, 27, 14, tzinfo=UTC))
    assert not hours.include(datetime(2026, 11, 27, 23, tzinfo=UTC))


async def test_no_job_starts_in_quiet_hours(queue: Queue) -> None:
    await queue.submit()
    always = QuietHours(start=time(0), end=time.max, time_zone="UTC")
    await queue.jobs.change_settings(QueueSettingsChange(quiet_hours=always))
    assert not await queue.jobs.next_up()
    await queue.jobs.change_settings(QueueSettingsChange(quiet_hours=None))
    assert await queue.jobs.next_up()


async def test_a_full_queue_refuses_jobs_and_says_when_to_come_back(queue: Queue) -> None:
    await queue.jobs.change_settings(QueueSettingsChange(max_jobs=2))
    await queue.submit_all({}, {})
    with pytest.raises(TooManyRequests) as refusal:
        await queue.submit()
    assert refusal.value.details["retry_after"] == 60
    await queue.run()
    await queue.submit()


async def test_a_limit_for_each_api_key_leaves_the_others_alone(queue: Queue) -> None:
    await queue.jobs.change_settings(QueueSettingsChange(max_jobs_per_key=1))
    await queue.submit_as("key:script")
    with pytest.raises(TooManyRequests, match="This API key may have at most 1"):
        await queue.submit_as("key:script")
    await queue.submit_as("key:other")
    await queue.submit_all({}, {})


@pytest.mark.parametrize(
    ("setting", "was_paused", "is_paused"),
    [
        (AfterCrash.AS_BEFORE, False, False),
        (AfterCrash.AS_BEFORE, True, True),
        (AfterCrash.RUN, True, False),
        (AfterCrash.PAUSED, False, True),
    ],
)
async def test_after_a_crash_the_queue_does_what_the_setting_says(
    tmp_path: Path, setting: AfterCrash, was_paused: bool, is_paused: bool
) -> None:
    async with pod(tmp_path, tmp_path / "state.db") as crashing:
        await crashing.jobs.change_settings(QueueSettingsChange(after_crash=setting))
        if was_paused:
            await crashing.jobs.pause()
    for database in ("state.db", "new.db"):
        async with pod(tmp_path, tmp_path / database) as again:
            assert again.jobs.is_paused == is_paused


async def test_a_restart_is_no_crash(tmp_path: Path) -> None:
    async with pod(tmp_path, tmp_path / "state.db") as before:
        await before.jobs.change_settings(QueueSettingsChange(after_crash=AfterCrash.PAUSED))
        await before.jobs.close()
    async with pod(tmp_path, tmp_path / "state.db") as after:
        assert not after.jobs.is_paused
        assert after.jobs.policy.current.after_crash == AfterCrash.PAUSED


async def test_jobs_that_were_blocked_by_a_failure_wait_for_its_retry(queue: Queue) -> None:
    parent = await queue.submit(name="parent")
    child = await queue.submit(name="child", depends_on=[parent.id])
    grandchild = await queue.submit(name="grandchild", depends_on=[child.id])
    await queue.fail(ErrorKind.INVALID)
    assert await queue.state(child) == await queue.state(grandchild) == JobState.BLOCKED
    await queue.jobs.retry(parent.id)
    assert await queue.state(child) == await queue.state(grandchild) == JobState.WAITING
    ran = [(await queue.run()).name for _ in range(3)]
    assert ran == ["parent", "child", "grandchild"]


async def test_a_job_that_is_blocked_for_its_own_fault_stays_so_when_its_parent_is_retried(
    queue: Queue,
) -> None:
    parent = await queue.submit(name="parent")
    await queue.run()
    child = await queue.submit(name="child", depends_on=[parent.id])
    for _ in range(2):
        await queue.fail(ErrorKind.COMFYUI_DIED)
    assert await queue.state(child) == JobState.BLOCKED
    assert await queue.lifecycle.dependants.revived_by([await queue.jobs.get(parent.id)]) == []
