"""A user wants jobs at fixed times."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from backend.core import clock
from backend.jobs.journal_takeover import JournalTakeover
from backend.jobs.schedules.cron import Cron, next_time
from backend.jobs.schedules.models import ScheduleRequest
from backend.jobs.schedules.service import Schedules
from tests.backend.jobs.queue import PROMPT
from tests.backend.jobs.test_survival import pod_with
from tests.support.control_plane import ControlPlane, running_control_plane

REQUEST: dict[str, Any] = {"name": "nightly", "cron": "0 3 * * *", "prompt": PROMPT, "values": {"3.seed": 7}}


@pytest.mark.parametrize(
    ("cron", "zone", "after", "expected"),
    [
        ("0 3 * * *", "UTC", "2026-11-27T02:59", "2026-11-27T03:00"),
        ("0 3 * * *", "UTC", "2026-11-27T03:00", "2026-11-28T03:00"),
        ("0 3 * * *", "Europe/Berlin", "2026-11-27T01:00", "2026-11-27T02:00"),
        ("*/15 9-17 * * MON-FRI", "UTC", "2026-11-27T17:50", "2026-11-30T09:00"),
        # Clocks go forward from 2:00 to 3:00 in this night.
        ("30 2 * * *", "Europe/Berlin", "2026-03-28T12:00", "2026-03-29T01:00"),
    ],
)
def test_the_next_time_is_of_its_zone(cron: str, zone: str, after: str, expected: str) -> None:
    moment = datetime.fromisoformat(after).replace(tzinfo=UTC)
    assert next_time(cron, zone, moment) == datetime.fromisoformat(expected).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    "cron", ["", "* * * *", "* * * * * *", "61 * * * *", "0 0 30 2 *", "at three", "@daily"]
)
def test_an_expression_that_means_nothing_is_refused(cron: str) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(Cron).validate_python(cron)


@pytest.fixture
async def pod(workspace: Path) -> AsyncIterator[ControlPlane]:
    async with running_control_plane(workspace) as pod:
        yield pod


async def add(pod: ControlPlane, **changes: Any) -> dict[str, Any]:
    answer = await pod.client.post("/api/schedules", json=REQUEST | changes)
    assert answer.status_code == 201, answer.text
    schedule: dict[str, Any] = answer.json()
    return schedule


async def jobs(pod: ControlPlane) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await pod.client.get("/api/jobs")).json()
    return found


async def until(
    pod: ControlPlane, schedule: dict[str, Any], wanted: Callable[[dict[str, Any]], bool]
) -> dict[str, Any]:
    async with asyncio.timeout(30):
        while True:
            now: dict[str, Any] = (await pod.client.get(f"/api/schedules/{schedule['id']}")).json()
            if wanted(now):
                return now
            await asyncio.sleep(0.02)


async def let_pass(pod: ControlPlane, schedule: dict[str, Any], time: timedelta) -> None:
    """Make the schedule one that was last looked at so long ago."""
    schedules = pod.app.registry.get(Schedules)
    saved = schedules.get(schedule["id"])
    await schedules._save(saved.model_copy(update={"counts_from": clock.now() - time}))


async def test_runs_that_were_missed_are_made_up_for_by_one(pod: ControlPlane) -> None:
    schedule = await add(pod, cron="0 * * * *")
    assert await jobs(pod) == []
    await let_pass(pod, schedule, timedelta(hours=5))
    ran = await until(pod, schedule, lambda now: now["last_job_id"] is not None)
    assert datetime.fromisoformat(ran["next_run_at"]) > clock.now()
    (job,) = await jobs(pod)
    assert (job["id"], job["source"], job["name"]) == (ran["last_job_id"], "schedule", "nightly")
    assert job["values"] == {"3.seed": 7}


async def test_a_run_that_is_due_while_comfyui_is_away_waits_for_it(
    pod: ControlPlane, workspace: Path
) -> None:
    (workspace / "workflows").mkdir()
    (workspace / "workflows/portrait.json").write_text(json.dumps(PROMPT))
    schedule = await add(pod, prompt=None, template_id="folder:portrait")
    await let_pass(pod, schedule, timedelta(days=2))
    ran = await until(pod, schedule, lambda now: now["last_job_id"] is not None)
    (job,) = await jobs(pod)
    assert (job["id"], job["state"], job["source"]) == (ran["last_job_id"], "waiting", "schedule")
    assert (job["prepared"], job["values"]) == (False, {"3.seed": 7})


async def test_a_schedule_is_paused_resumed_changed_and_removed(pod: ControlPlane) -> None:
    schedule = await add(pod)
    path = f"/api/schedules/{schedule['id']}"
    paused = (await pod.client.patch(path, json={"paused": True})).json()
    assert paused["next_run_at"] is None
    resumed = (await pod.client.patch(path, json={"paused": False, "priority": 3})).json()
    assert (resumed["next_run_at"], resumed["priority"]) == (schedule["next_run_at"], 3)
    assert [entry["name"] for entry in (await pod.client.get("/api/schedules")).json()] == ["nightly"]
    assert (await pod.client.delete(path)).status_code == 204
    assert (await pod.client.get(path)).status_code == 404


async def test_a_run_that_cannot_be_submitted_says_why(pod: ControlPlane) -> None:
    schedule = await add(pod, prompt=None, template_id="folder:gone")
    await let_pass(pod, schedule, timedelta(days=2))
    ran = await until(pod, schedule, lambda now: now["problem"] is not None)
    assert "gone" in ran["problem"]
    assert await jobs(pod) == []


async def test_a_schedule_runs_at_once_when_a_user_wants_it(pod: ControlPlane) -> None:
    schedule = await add(pod, paused=True)
    runs = [(await pod.client.post(f"/api/schedules/{schedule['id']}/run")).json() for _ in range(2)]
    now = (await pod.client.get(f"/api/schedules/{schedule['id']}")).json()
    assert now["recent_job_ids"] == [runs[1]["id"], runs[0]["id"]]
    assert (now["last_job_id"], now["last_run_at"]) == (runs[1]["id"], None)
    assert (runs[0]["source"], runs[0]["state"], runs[0]["values"]) == ("schedule", "queued", {"3.seed": 7})
    assert (await pod.client.post("/api/schedules/gone/run")).status_code == 404


async def test_schedules_are_handled_on_their_page(pod: ControlPlane) -> None:
    headers = {"HX-Request": "true"}
    assert "No schedules yet" in (await pod.client.get("/jobs/schedules")).text
    schedule = await add(pod, name="<b>nightly</b>", time_zone="Europe/Berlin")
    address = f"/jobs/schedules/{schedule['id']}"
    assert (await pod.client.post(f"{address}/run", headers=headers)).status_code == 204
    page = (await pod.client.get("/jobs/schedules")).text
    for text in ("&lt;b&gt;nightly", "At 03:00 every day", "Last run queued", "Europe/Berlin"):
        assert text in page
    form = {"name": "Weekly", "cron": "0 9 * * MON", "time_zone": "", "priority": "7"}
    saved = await pod.client.post(address, data=form, headers=headers)
    assert saved.headers["hx-redirect"] == "/jobs/schedules"
    now = (await pod.client.get(f"/api/schedules/{schedule['id']}")).json()
    assert (now["name"], now["cron"], now["time_zone"], now["priority"]) == ("Weekly", "0 9 * * MON", "", 7)
    assert (now["values"], now["download_models"]) == ({"3.seed": 7}, False)
    wrong = await pod.client.post(address, data=form | {"cron": "61 * * * *"}, headers=headers)
    assert (wrong.status_code, "Cron: " in wrong.headers["hx-trigger"]) == (400, True)
    for action in ("pause", "resume", "delete"):
        assert (await pod.client.post(f"{address}/{action}", headers=headers)).status_code == 204
    assert (await pod.client.get("/api/schedules")).json() == []


async def test_the_form_says_what_a_cron_expression_means(pod: ControlPlane) -> None:
    preview = "/jobs/schedules/preview"
    shown = await pod.client.get(preview, params={"cron": "30 2 * * *", "time_zone": "Europe/Berlin"})
    assert "At 02:30 every day" in shown.text
    assert shown.text.count(", 02:30</li>") == 5
    for wrong in ({"cron": "soon"}, {"cron": "0 3 * * *", "time_zone": "Nowhere"}, {"cron": "0 0 30 2 *"}):
        answer = await pod.client.get(preview, params=wrong)
        assert (answer.status_code, "text-danger" in answer.text) == (200, True)


@pytest.mark.parametrize(
    "changes",
    [{"cron": "soon"}, {"time_zone": "Nowhere"}, {"prompt": None}, {"template_id": "both"}, {"name": ""}],
)
async def test_a_bad_schedule_is_refused(pod: ControlPlane, changes: dict[str, Any]) -> None:
    assert (await pod.client.post("/api/schedules", json=REQUEST | changes)).status_code == 400
    assert (await pod.client.get("/api/schedules")).json() == []


async def test_schedules_and_settings_of_a_pod_that_is_gone_go_to_the_next(tmp_path: Path) -> None:
    journals = tmp_path / "journals"
    async with pod_with(journals / "gone.jsonl", tmp_path / "gone.db") as gone:
        await gone.jobs.pause()
        await Schedules(gone.store).add(ScheduleRequest(**REQUEST))
    own = journals / "new.jsonl"
    async with pod_with(own, tmp_path / "new.db") as queue:
        schedules = Schedules(queue.store)
        reload = (queue.jobs.take_over, schedules.load)
        await JournalTakeover(own, queue.store, queue.lifecycle, gone_seconds=-1, reload=reload).take_over()
        assert [schedule.name for schedule in schedules.all()] == ["nightly"]
        assert queue.jobs.is_paused
