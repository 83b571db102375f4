"""A crash and a low disk are noted once, when they begin."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from backend.activity.service import Activity
from backend.activity.store import ActivityStore
from backend.core import clock
from backend.core.database import open_database
from backend.system.incidents import Incidents
from backend.system.models import Crash, Service, SystemView

PLENTY = {"total": 10**12, "used": 10**11, "free": 9 * 10**11}
LOW = {"total": 10**12, "used": 10**12 - 10**9, "free": 10**9}


@pytest.fixture
async def activity(tmp_path: Path) -> AsyncIterator[Activity]:
    async with open_database(tmp_path / "test.db") as database:
        store = ActivityStore(database)
        await store.prepare()
        yield Activity(store)


def view(*, disk: dict[str, int] = PLENTY, state: str = "running", crash: Crash | None = None) -> SystemView:
    service = Service(
        name="nginx",
        title="nginx",
        state=state,
        description="Exited",
        started_at=None,
        allowed=(),
        possible=(),
    )
    content: dict[str, Any] = {
        "version": "1",
        "uptime_seconds": 1,
        "cpu_percent": 0,
        "memory": {"total": 1, "used": 1},
        "disk": disk,
        "accelerator": {"kind": "cpu", "verdict": "ok", "message": "", "devices": [], "answering": True},
        "comfyui": {"up": False, "version": None, "state": "backoff", "crash": crash and crash.model_dump()},
        "services": [service.model_dump()],
        "workspace": None,
        "hooks": [],
        "problems": [],
    }
    return SystemView.model_validate(content)


def crash(seconds: float) -> Crash:
    return Crash(
        at=clock.now() + timedelta(seconds=seconds),
        exit_code=1,
        message="ComfyUI crashed.",
        remedy="Read the log.",
        lines=[],
        count=1,
        restart_at=None,
        stays_down=False,
    )


async def noted(activity: Activity, *views: SystemView) -> list[tuple[str, str]]:
    incidents = Incidents(activity)
    for each in views:
        incidents.observe(each)
    await activity.close()
    return [(entry.kind, entry.subject) for entry in (await activity.before(None, 100)).entries]


async def test_a_low_disk_is_noted_when_it_gets_low(activity: Activity) -> None:
    found = await noted(activity, view(), view(disk=LOW), view(disk=LOW), view(), view(disk=LOW))
    assert found == [("disk.low", "workspace")] * 2


async def test_each_crash_is_noted_once(activity: Activity) -> None:
    later = crash(1)
    found = await noted(
        activity, view(crash=crash(-60)), view(crash=later), view(crash=later), view(state="fatal")
    )
    assert found == [("service.crashed", "ComfyUI"), ("service.crashed", "nginx")]


async def test_a_service_that_was_down_before_is_not_noted(activity: Activity) -> None:
    assert await noted(activity, view(state="exited"), view(state="exited")) == []
