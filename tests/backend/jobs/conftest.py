"""A queue without a control plane around it."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from backend.core.database import open_database
from backend.core.events import EventBus
from backend.core.journal import Journal
from backend.jobs.lifecycle import Lifecycle
from backend.jobs.service import Jobs
from backend.jobs.store import JobStore
from tests.backend.jobs.pods import Pod, running_pod
from tests.backend.jobs.queue import Queue
from tests.support.comfyui.process import ComfyUI, running


@pytest.fixture
async def queue(tmp_path: Path) -> AsyncIterator[Queue]:
    async with open_database(tmp_path / "state" / "jobs.db") as database:
        store = JobStore(database, Journal(tmp_path / "volume" / "journal.jsonl"))
        await store.prepare()
        events = EventBus()
        lifecycle = Lifecycle(store, events)
        yield Queue(store, lifecycle, Jobs(store, lifecycle, events), events)


@pytest.fixture
def comfyui(tmp_path: Path) -> Iterator[ComfyUI]:
    with running(ComfyUI(tmp_path / "comfyui").with_test_nodes()) as comfyui:
        yield comfyui


@pytest.fixture
async def plane(comfyui: ComfyUI, tmp_path: Path) -> AsyncIterator[Pod]:
    async with running_pod(comfyui, tmp_path) as plane:
        yield plane
