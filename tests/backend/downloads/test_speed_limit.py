"""A user limits the bandwidth: always, at certain hours, or while ComfyUI generates."""

import asyncio
from datetime import datetime, time
from pathlib import Path

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.comfy.client import ComfyClient
from backend.downloads.engine.throttle import Throttle
from backend.downloads.policy import MEGABYTE, Policy, RateLimit, Window
from tests.support import time_travel
from tests.support.comfyui.graphs import through
from tests.support.comfyui.process import ComfyUI, running
from tests.support.control_plane import ControlPlane, running_control_plane
from tests.support.hub import Hub
from tests.support.hub.formats import safetensors

NIGHT = Window(start=time(23), end=time(7), limit=50 * MEGABYTE)
OFFICE = Window(start=time(9), end=time(17), limit=2 * MEGABYTE)


@pytest.mark.parametrize(
    ("hour", "generating", "limit", "why"),
    [
        (23, False, 50, "schedule"),
        (3, False, 50, "schedule"),
        (7, False, 10, "limit"),
        (9, False, 2, "schedule"),
        (9, True, 2, "schedule"),
        (17, True, 5, "generating"),
        (3, True, 5, "generating"),
    ],
)
def test_the_strictest_limit_applies(hour: int, generating: bool, limit: int, why: str) -> None:
    policy = Policy(limit=10 * MEGABYTE, schedule=(NIGHT, OFFICE), polite=True, polite_limit=5 * MEGABYTE)
    rate_limit = policy.rate_limit_at(datetime(2026, 11, 21, hour), generating=generating)  # noqa: DTZ001 - local time is meant
    assert (rate_limit.limit, rate_limit.why) == (limit * MEGABYTE, why)


def test_without_settings_there_is_no_limit() -> None:
    assert Policy().rate_limit_at(datetime(2026, 11, 21), generating=True) == RateLimit(limit=None, why=None)  # noqa: DTZ001


@given(
    chunks=st.lists(st.integers(1, 300_000), min_size=1, max_size=60),
    limit=st.integers(100_000, 50_000_000),
    connections=st.integers(1, 16),
)
def test_the_rate_limit_is_not_exceeded(chunks: list[int], limit: int, connections: int) -> None:
    async def transfer() -> float:
        throttle = Throttle()
        throttle.set(limit, connections)

        async def connection(number: int) -> None:
            for chunk in chunks[number::connections]:
                await throttle.wait_for(chunk)

        await asyncio.gather(*(connection(number) for number in range(connections)))
        return asyncio.get_running_loop().time()

    assert time_travel.run(transfer()) == pytest.approx(sum(chunks) / limit, rel=0.01)


def test_removing_the_limit_resumes_waiting_connections() -> None:
    async def transfer() -> float:
        throttle = Throttle()
        throttle.set(100_000, 1)
        waiting = asyncio.create_task(throttle.wait_for(100_000_000))
        await asyncio.sleep(5)
        throttle.set(None, 1)
        await waiting
        return asyncio.get_running_loop().time()

    assert time_travel.run(transfer()) == pytest.approx(5)


@given(limit=st.integers(100_000, 10**10), most=st.integers(1, 16))
def test_a_low_limit_reduces_the_connections(limit: int, most: int) -> None:
    throttle = Throttle()
    throttle.set(limit, most)
    assert 1 <= throttle.connections <= most
    assert throttle.connections == 1 or limit / throttle.connections >= 500_000


async def test_downloads_slow_down_while_comfyui_generates(workspace: Path) -> None:
    with running(ComfyUI(workspace / "ComfyUI").with_test_nodes()) as comfyui:
        async with (
            running_control_plane(workspace, comfyui_url=comfyui.url) as pod,
            httpx.AsyncClient() as http,
        ):
            comfy = ComfyClient(comfyui.url, http)
            prompt_id = comfy.prompts.new_id()
            polite = {"polite": True, "polite_limit": 3 * MEGABYTE}
            await pod.client.put("/api/downloads/policy", json=polite)
            assert (await pod.client.get("/api/downloads/rate-limit")).json() == {"limit": None, "why": None}
            await comfy.prompts.submit(through("TestWaitForFile", path="never"), prompt_id)
            await pod.client.put("/api/downloads/policy", json=polite)
            rate_limit = (await pod.client.get("/api/downloads/rate-limit")).json()
            assert rate_limit == {"limit": 3 * MEGABYTE, "why": "generating"}
            await comfy.prompts.cancel(prompt_id)
            await comfy.wait(prompt_id)
            await pod.client.put("/api/downloads/policy", json=polite)
            assert (await pod.client.get("/api/downloads/rate-limit")).json() == {"limit": None, "why": None}


async def test_the_page_shows_the_current_limit(pod: ControlPlane, hub: Hub) -> None:
    model = hub.add("acme/models", "flower.safetensors", safetensors(200_000))
    gate = hub.hold(model)
    await pod.client.put("/api/downloads/policy", json={"limit": 4 * MEGABYTE})
    transfer = await pod.download(url=hub.url_of(model), folder="loras")
    page = await pod.client.get("/downloads")
    assert "Limited to 4.0 MB/s: your limit." in page.text
    gate.release()
    await pod.finished(transfer["id"])
    assert "your limit" not in (await pod.client.get("/downloads")).text
