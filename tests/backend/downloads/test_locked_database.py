"""A complete download stays complete while another program locks the database."""

import asyncio
import sqlite3
from pathlib import Path

import pytest

from backend.core import database
from tests.backend.conftest import hub_settings
from tests.support.control_plane import running_control_plane
from tests.support.hub import Hub
from tests.support.hub.formats import safetensors


async def test_a_database_that_is_locked_when_a_download_ends_does_not_make_it_fail(
    workspace: Path, hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "PRAGMAS", database.PRAGMAS.replace("5000", "50"))
    monkeypatch.setattr(database, "RECORD_SECONDS", 0.05)
    model = hub.add("acme/models", "flower.safetensors", safetensors(3_000_000))
    gate = hub.hold(model, after=1_500_000)
    async with running_control_plane(workspace, **hub_settings(hub)) as pod:
        transfer = await pod.download(url=hub.url_of(model), folder="loras")
        await pod.until(transfer["id"], lambda seen: seen["received"] >= 1_400_000)
        other = sqlite3.connect(workspace / ".comfypod/comfypod.db", isolation_level=None, timeout=30)
        other.execute("BEGIN EXCLUSIVE")
        gate.release()
        async with asyncio.timeout(60):
            while not (pod.models / "loras/flower.safetensors").exists():  # noqa: ASYNC110 - no event reaches a locked database
                await asyncio.sleep(0.05)
        await asyncio.sleep(0.5)  # longer than the database waits for a lock
        other.execute("ROLLBACK")
        other.close()
        done = await pod.finished(transfer["id"])
        assert (done["state"], done["verification"], done["problem"]) == ("done", "verified", None)
