"""With thousands of transfers, operations take no more statements than with a few."""

import asyncio
import sqlite3
from pathlib import Path
from typing import Any

import aiosqlite
import pytest

from backend.downloads.store import SQL
from tests.backend.conftest import hub_settings
from tests.support.control_plane import ControlPlane, running_control_plane
from tests.support.hub import Hub, faults
from tests.support.hub.formats import safetensors

ROW = (
    "INSERT INTO transfers (id, url, alternatives, folder, filename, received, state, failures, created_at, "
    "position, search, finished_at, retry_at, verification) VALUES (?, 'https://example.org/x.gguf', '[]', 'vae', "
    "?, 0, ?, 0, '2026-01-01T00:00:00.000+00:00', ?, ?, ?, ?, 'verified')"
)


def _insert(workspace: Path, state: str, count: int, *, first: int = 0) -> None:
    """Insert transfers directly into the database."""
    with sqlite3.connect(workspace / ".comfypod/comfypod.db", timeout=60) as database:
        database.executemany(
            ROW,
            [
                (
                    f"{state}{number:06}",
                    f"{state}{number:06}.gguf",
                    state,
                    float(number),
                    f"vae/{state}{number:06}.gguf example.org",
                    f"2026-01-02T00:00:00.{number % 1000:03}+00:00" if state == "done" else None,
                    "2126-01-01T00:00:00.000+00:00" if state == "retrying" else None,
                )
                for number in range(first, first + count)
            ],
        )
    database.close()


async def add_rows(workspace: Path, state: str, count: int, *, first: int = 0) -> None:
    """Insert transfers. In a thread: the control plane of the test may be in the middle of a transaction."""
    await asyncio.to_thread(_insert, workspace, state, count, first=first)


@pytest.fixture
def statements_sent(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return a list that records every SQL statement of the control plane."""
    statements: list[str] = []
    execute = aiosqlite.Connection.execute

    def counted(self: aiosqlite.Connection, sql: str, *args: Any) -> Any:
        statements.append(sql)
        return execute(self, sql, *args)

    monkeypatch.setattr(aiosqlite.Connection, "execute", counted)
    return statements


async def test_pausing_and_resuming_all_takes_as_many_statements_for_2000_as_for_20(
    workspace: Path, hub: Hub, statements_sent: list[str]
) -> None:
    async with running_control_plane(workspace, **hub_settings(hub)) as pod:
        used = []
        for first, count in ((0, 20), (20, 1980)):
            await add_rows(workspace, "retrying", count, first=first)
            statements_sent.clear()
            paused = (await pod.client.post("/api/downloads/pause")).json()
            used.append(len([sql for sql in statements_sent if "transfer" in sql]))
            assert len(paused) == count
            assert {row["state"] for row in paused} == {"paused"}
        assert max(used) < 30
        log = (await pod.client.get("/api/downloads/retrying000000/log")).json()
        assert [line["message"] for line in log] == ["Paused."]


async def test_pages_list_the_queue_in_order_and_then_the_latest_finished(workspace: Path, hub: Hub) -> None:
    async with running_control_plane(workspace, **hub_settings(hub)) as pod:
        await add_rows(workspace, "paused", 7)
        await add_rows(workspace, "done", 8)
        whole = [row["id"] for row in (await pod.client.get("/api/downloads?limit=1000")).json()]
        assert whole == [f"paused{n:06}" for n in range(7)] + [f"done{n:06}" for n in reversed(range(8))]
        assert await paged(pod, "/api/downloads?limit=4") == whole
        assert await paged(pod, "/api/downloads?limit=4&state=done") == whole[7:]
        assert await paged(pod, "/api/downloads?limit=3&q=DONE00000&state=done&state=paused") == whole[7:]
        assert await paged(pod, "/api/downloads?q=example.org&limit=6") == whole
        assert await paged(pod, "/api/downloads?preset=none") == []
        wrong = await pod.client.get("/api/downloads?cursor=WzIsMSwiYSJd")
        assert (wrong.status_code, wrong.json()["error"]["code"]) == (400, "bad_cursor")


async def paged(pod: ControlPlane, url: str) -> list[str]:
    """Return the ids on all pages."""
    found = []
    following: str | None = url
    while following:
        answer = await pod.client.get(following)
        found += [row["id"] for row in answer.json()]
        following = answer.links.get("next", {}).get("url")
    return found


async def test_the_list_reads_no_more_rows_with_20000_finished_transfers(workspace: Path, hub: Hub) -> None:
    async with running_control_plane(workspace, **hub_settings(hub)) as pod:
        await add_rows(workspace, "paused", 5)
        await add_rows(workspace, "done", 20_000)
        page = await pod.client.get("/api/downloads")
        assert (len(page.json()), "next" in page.links) == (100, True)
        html = (await pod.client.get("/downloads", headers={"Accept": "text/html"})).text
        assert "Showing the newest 40 of 20000" in html
    with sqlite3.connect(workspace / ".comfypod/comfypod.db") as database:
        plan = " ".join(
            row[3]
            for row in database.execute(
                f"EXPLAIN QUERY PLAN {SQL.finished_page}",
                {
                    "state": "done",
                    "before": "~",
                    "before_id": "~",
                    "preset": None,
                    "q": "",
                    "since": None,
                    "limit": 5,
                },
            )
        )
        assert "transfers_by_end" in plan
        assert "TEMP B-TREE" not in plan


async def test_a_clock_that_is_set_back_delays_no_retry(workspace: Path, hub: Hub) -> None:
    """When the clock goes back two days, stored times are two days in the future."""
    model = hub.add("acme/models", "flower.safetensors", safetensors(1000))
    hub.fault(model, faults.Status(code=503))
    async with running_control_plane(workspace, **hub_settings(hub) | {"download_retry_seconds": 5.0}) as pod:
        transfer = await pod.download(url=hub.url_of(model), folder="vae")
        await pod.until(transfer["id"], lambda seen: seen["state"] == "retrying")
        with sqlite3.connect(workspace / ".comfypod/comfypod.db", timeout=60) as database:
            changed = database.execute(
                "UPDATE transfers SET retry_at = '2126-01-01T00:00:00.000+00:00' WHERE state = 'retrying'"
            )
            assert changed.rowcount == 1
        database.close()
        # Any change that makes the worker read the queue again.
        await pod.client.post("/api/downloads/order", json={"ids": []})
        assert (await pod.finished(transfer["id"]))["state"] == "done"


async def test_a_snapshot_is_built_once_for_all_sockets_that_connect_together(
    workspace: Path, hub: Hub, statements_sent: list[str]
) -> None:
    async with running_control_plane(workspace, **hub_settings(hub)) as pod:
        await add_rows(workspace, "paused", 100)
        statements_sent.clear()

        async def first_frame() -> str:
            async with pod.socket("/ws/downloads") as frames:
                return str(await anext(aiter(frames)))

        frames = await asyncio.gather(*(first_frame() for _ in range(20)))
        assert len(set(frames)) == 1
        assert len([sql for sql in statements_sent if "FROM transfers" in sql]) < 20
