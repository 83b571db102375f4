"""Users read and follow what happened on the pod, in order."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from backend.activity.service import Activity
from backend.activity.store import ActivityStore
from backend.core import clock
from backend.core.database import Database, open_database
from backend.core.errors import CannotRecord
from tests.support.control_plane import ControlPlane
from tests.support.hub import Hub
from tests.support.hub.formats import safetensors


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    async with open_database(tmp_path / "test.db") as opened:
        yield opened


@pytest.fixture
async def activity(database: Database) -> Activity:
    return await started(database)


async def started(database: Database) -> Activity:
    store = ActivityStore(database)
    await store.prepare()
    return Activity(store)


async def subjects(activity: Activity, after: int = 0) -> list[str]:
    return [entry.subject for entry in (await activity.after(after, 10_000)).entries]


async def test_a_download_is_recorded_with_who_asked_for_it(pod: ControlPlane, hub: Hub) -> None:
    url = hub.url_of(hub.add("acme/models", "tulip.safetensors", safetensors(2000)))
    async with asyncio.timeout(30), pod.socket("/ws/activity") as frames:
        seen = json.loads(await frames.recv())["entries"]
        await pod.download(url=url, folder="loras")
        while "download.done" not in {entry["kind"] for entry in seen}:
            seen += json.loads(await frames.recv())["entries"]
    asked, done = (
        next(entry for entry in seen if entry["kind"] == f"download.{state}") for state in ("queued", "done")
    )
    assert (asked["subject"], asked["principal"]) == ("loras/tulip.safetensors", "owner")
    assert (done["principal"], done["details"]["bytes"]) == ("system", 2000)
    listed = (await pod.client.get("/api/activity?kind=download")).json()
    assert [entry["kind"] for entry in listed["entries"]] == ["download.queued", "download.done"]
    later = (await pod.client.get(f"/api/activity?after={asked['seq']}&kind=download.done")).json()
    assert [entry["seq"] for entry in later["entries"]] == [done["seq"]]
    earlier = (await pod.client.get(f"/api/activity?before={done['seq']}&kind=download")).json()
    assert [entry["seq"] for entry in earlier["entries"]] == [asked["seq"]]


async def test_sign_ins_services_settings_and_deletions_are_recorded_with_who_did_them(
    pod: ControlPlane,
) -> None:
    file = pod.models / "vae/ae.safetensors"
    file.parent.mkdir(parents=True)
    file.write_bytes(b"model")
    assert (await pod.client.delete("/api/storage/models/vae/ae.safetensors")).status_code == 204
    await pod.client.put("/api/tokens/civitai", json={"token": "a-token-of-civitai"})
    async with pod.anonymous() as stranger:
        await stranger.post("/api/auth/login", json={"password": "wrong"})
    activity = pod.app.registry.get(Activity)
    await activity.close()
    entries = [
        (entry.kind, entry.subject, entry.principal) for entry in (await activity.after(0, 100)).entries
    ]
    assert ("sign_in.done", "127.0.0.1", "anonymous") in entries
    assert ("sign_in.failed", "127.0.0.1", "anonymous") in entries
    assert ("model.deleted", "vae/ae.safetensors", "owner") in entries
    assert ("token.saved", "Civitai", "owner") in entries


async def test_a_follower_that_comes_back_misses_and_repeats_nothing(pod: ControlPlane) -> None:
    activity = pod.app.registry.get(Activity)
    seen: list[str] = []

    async def follow(address: str, until: str) -> int:
        async with asyncio.timeout(30), pod.socket(address) as frames:
            while until not in seen:
                frame: dict[str, Any] = json.loads(await frames.recv())
                seen.extend(entry["subject"] for entry in frame["entries"] if entry["kind"] == "test.step")
        return int(frame["entries"][-1]["seq"])

    first = asyncio.create_task(follow("/ws/activity", "399"))
    await write(activity, range(400))
    last = await first
    await write(activity, range(400, 1700))
    await asyncio.gather(follow(f"/ws/activity?after={last}", "1999"), write(activity, range(1700, 2000)))
    assert [subject for subject in seen if "now" not in subject] == [f"{step}" for step in range(2000)]
    assert len(seen) == len(set(seen))


async def write(activity: Activity, steps: range) -> None:
    """Some entries are noted, others recorded at once."""
    for step in steps:
        activity.note("test.step", f"{step}")
        if step % 7 == 0:
            await activity.record("test.step", f"{step} now")


async def test_what_a_failed_transaction_recorded_is_never_seen(
    database: Database, activity: Activity
) -> None:
    async def change(subject: str) -> None:
        async with database.transaction():
            await activity.record("test.changed", subject)
            if subject == "bad":
                raise LookupError

    logs = activity.follow(0, 10)
    await anext(logs)
    with pytest.raises(LookupError):
        await change("bad")
    await change("good")
    assert [entry.subject for entry in (await anext(logs)).entries] == ["good"]
    await logs.aclose()


async def test_the_log_is_bounded_by_number_and_by_age(database: Database, activity: Activity) -> None:
    for number in range(30):
        await activity.record("test.step", f"{number}")
    store = ActivityStore(database)
    await store.prune(most=20, fewest=10, before=clock.now() - timedelta(days=1))
    assert await subjects(activity) == [f"{number}" for number in range(10, 30)]
    await store.prune(most=20, fewest=10, before=clock.now() + timedelta(days=1))
    assert await subjects(activity) == [f"{number}" for number in range(20, 30)]
    assert not (await activity.after(5, 10)).complete
    assert (await activity.after(20, 10)).complete


async def test_numbers_are_not_used_again_and_a_new_log_says_so(
    database: Database, activity: Activity
) -> None:
    await activity.record("test.step", "first")
    await database.execute("DELETE FROM activity")
    await activity.record("test.step", "second")
    log = await activity.after(0, 10)
    assert [(entry.seq, entry.subject) for entry in log.entries] == [(2, "second")]
    assert not log.complete
    reset = await activity.after(500, 10)
    assert [entry.subject for entry in reset.entries] == ["second"]
    assert not reset.complete


async def test_what_a_full_disk_refuses_is_written_later(database: Database, activity: Activity) -> None:
    await database.execute("PRAGMA max_page_count = 12")
    with pytest.raises(CannotRecord):
        await write(activity, range(0, 70_000, 7))
    await activity.close()
    before = await subjects(activity)
    activity.note("test.step", "last")
    writer = asyncio.create_task(activity.write())
    await asyncio.sleep(0)
    await database.execute("PRAGMA max_page_count = 1000")
    await activity.close()
    writer.cancel()
    after = await subjects(activity)
    assert after[: len(before)] == before
    assert after[-1] == "last"


@pytest.mark.parametrize(
    "query", ["after=-1", "after=x", "limit=0", "limit=1001", "kind=%25", "after=" + "9" * 30]
)
async def test_bad_questions_are_refused(pod: ControlPlane, query: str) -> None:
    answer = await pod.client.get(f"/api/activity?{query}")
    assert answer.status_code == 400


async def test_the_page_shows_entries_in_words_and_filters_them(pod: ControlPlane, hub: Hub) -> None:
    url = hub.url_of(hub.add("acme/models", "daisy.safetensors", safetensors(2000)))
    asked = await pod.download(url=url, folder="loras")
    await pod.finished(asked["id"])
    async with asyncio.timeout(10):
        while "Downloaded" not in (page := (await pod.client.get("/activity")).text):
            pass
    assert "Signed in" in page
    assert "loras/daisy.safetensors" in page
    filtered = (await pod.client.get("/activity?kind=download")).text
    assert ("Downloaded" in filtered, "Signed in" in filtered) == (True, False)
