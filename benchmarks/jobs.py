"""Throughput and latency of the job queue, side by side with ComfyUI alone and with comfy-api-proxy.

`python -m benchmarks.jobs` prints one JSON object and writes benchmarks/out/jobs.json. It runs the stand-in for ComfyUI; with
COMFYUI_SRC (and COMFYUI_PYTHON) also a real one, on the CPU. With COMFY_API_PROXY, the path of that program, it is compared, too.
"""

import asyncio
import itertools
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx
import psutil

from backend.comfy.client import ComfyClient
from backend.core import clock
from backend.core.database import open_database
from backend.core.journal import Journal
from backend.jobs.models import new_id
from backend.jobs.store import JobStore
from backend.jobs.values import with_values
from benchmarks.support.live import PASSWORD, signed_in
from tests.support.comfyui.graphs import Graph, picture, through
from tests.support.comfyui.process import MAIN, ComfyUI, running
from tests.support.process import Process, free_port, running_process

OUT = Path(__file__).with_name("out") / "jobs.json"
JOBS = 300
# Jobs that ComfyUI takes this long for: still far shorter than a picture.
SHORT_JOBS, SHORT_SECONDS = 60, 0.1
ROUNDS = 3
QUEUED = 10_000
POLL_SECONDS = 0.02
PAGES, CLAIMS, SUBMISSIONS = 100, 200, 40
ENDED = ("succeeded", "failed", "cancelled", "expired", "blocked")


@asynccontextmanager
async def control_plane(folder: Path, comfyui: str) -> AsyncIterator[tuple[Process, httpx.AsyncClient]]:
    environment = {
        "WORKSPACE": str(folder / "workspace"),
        "RUN_DIR": str(folder / "run"),
        "ACCESS_PASSWORD": PASSWORD,
        "COMFYUI_URL": comfyui,
    }
    with running_process(environment, forked=False) as process:
        async with signed_in(process) as client:
            yield process, client


async def through_the_queue(client: httpx.AsyncClient, prompt: Graph, count: int) -> float:
    """Return the seconds until all jobs of one batch have ended."""
    jobs = [{"values": {"1.color": _color()}} for _ in range(count)]
    started = time.perf_counter()
    answer = await client.post("/api/jobs", json={"prompt": prompt, "jobs": jobs})
    batch = answer.raise_for_status().json()["batch_id"]
    await _finished(client)
    seconds = time.perf_counter() - started
    failed = await client.get("/api/jobs", params={"batch": batch, "state": ["failed", "blocked"]})
    assert not failed.json(), failed.text
    return seconds


async def directly(comfyui: str, prompt: Graph, count: int) -> float:
    """Return the seconds until ComfyUI has run as many prompts, all of them submitted at once."""
    async with httpx.AsyncClient(trust_env=False) as client:
        comfy = ComfyClient(comfyui, client)
        started = time.perf_counter()
        async with comfy.events.opened():
            for _ in range(count):
                graph = with_values(prompt, {"1.color": _color()})
                await comfy.prompts.submit(graph, comfy.prompts.new_id())
            while await comfy.prompts.remaining():  # noqa: ASYNC110 - events go to the submitting socket alone
                await asyncio.sleep(POLL_SECONDS)
        return time.perf_counter() - started


def with_the_sdk(url: str, python: str, key: str = "") -> float:
    """Return the seconds until the official SDK has run as many workflows, in a process of its own."""
    environment = {**os.environ, "COMFY_BASE_URL": url, "COMFY_API_KEY": key}
    command = [python, str(Path(__file__).with_name("support") / "sdk_client.py"), str(JOBS), str(_color())]
    run = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if run.returncode:
        raise RuntimeError(f"the SDK failed at {url}:\n{run.stderr}")
    return float(run.stdout)


@contextmanager
def proxy(program: str, comfyui: str, folder: Path) -> Iterator[str]:
    port = free_port()
    command = [program, "run", "--comfyui", comfyui, "--host", "127.0.0.1", "--port", str(port)]
    with subprocess.Popen(
        command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        try:
            url = f"http://127.0.0.1:{port}"
            while not _answers(f"{url}/api/v2/health"):
                time.sleep(0.1)
            yield url
        finally:
            process.terminate()


async def compare(folder: Path, comfyui: ComfyUI) -> dict[str, Any]:
    """Take turns, each round beginning with another one, and return ratios of medians."""
    program = os.environ.get("COMFY_API_PROXY")
    short = through("TestSilent", seconds=SHORT_SECONDS)
    async with control_plane(folder, comfyui.url) as (process, client):
        key = await _key(client)
        ways: dict[str, Any] = {
            "queue": lambda: through_the_queue(client, picture(), JOBS),
            "directly": lambda: directly(comfyui.url, picture(), JOBS),
            "short queue": lambda: through_the_queue(client, short, SHORT_JOBS),
            "short directly": lambda: directly(comfyui.url, short, SHORT_JOBS),
            "sdk": lambda: asyncio.to_thread(with_the_sdk, process.url, sys.executable, key),
        }
        if program:
            proxied = await asyncio.to_thread(proxy(program, comfyui.url, folder).__enter__)
            ways["sdk through the proxy"] = lambda: asyncio.to_thread(with_the_sdk, proxied, sys.executable)
        seconds: dict[str, list[float]] = {name: [] for name in ways}
        for number in range(ROUNDS):
            names = list(ways)
            for name in names[number % len(names) :] + names[: number % len(names)]:
                seconds[name].append(await ways[name]())
        medians = {name: statistics.median(taken) for name, taken in seconds.items()}
        idle = await submit_to_running(client)
    result = {
        "jobs": JOBS,
        "throughput_vs_directly": round(medians["directly"] / medians["queue"], 2),
        "throughput_vs_directly_100_ms": round(medians["short directly"] / medians["short queue"], 2),
        "jobs_per_second": round(JOBS / medians["queue"], 1),
        "jobs_per_second_directly": round(JOBS / medians["directly"], 1),
        "submit_to_running_p95_ms": idle,
    }
    if program:
        result["sdk_throughput_vs_proxy"] = round(medians["sdk through the proxy"] / medians["sdk"], 2)
    return result


async def submit_to_running(client: httpx.AsyncClient) -> float:
    """Return milliseconds from the request to the event that the job runs, on an idle queue."""
    taken = []
    for _ in range(SUBMISSIONS):
        started = time.perf_counter()
        answer = await client.post("/api/jobs", json={"prompt": picture(_color())})
        job_id = answer.json()["jobs"][0]["id"]
        async with client.stream("GET", f"/api/jobs/{job_id}/events") as stream:
            async for line in stream.aiter_lines():
                if '"running"' in line or '"succeeded"' in line:
                    taken.append(time.perf_counter() - started)
                    break
        await _finished(client)
    return round(_p95_ms(taken), 1)


async def long_queue(folder: Path) -> dict[str, Any]:
    """Measure a queue of ten thousand jobs, without a ComfyUI: nothing leaves it."""
    async with control_plane(folder, "http://127.0.0.1:9") as (process, client):
        # Routes and schemas are built for the first request; they are no part of a long queue.
        await client.post("/api/jobs", json={"prompt": picture()})
        await client.get("/api/jobs?limit=100")
        before = psutil.Process(process.pid).memory_info().rss
        jobs = [{"values": {"1.color": number}} for number in range(QUEUED)]
        started = time.perf_counter()
        answer = await client.post("/api/jobs", json={"prompt": picture(), "jobs": jobs})
        inserted = time.perf_counter() - started
        answer.raise_for_status()
        del answer
        listed = []
        for _ in range(PAGES):
            started = time.perf_counter()
            (await client.get("/api/jobs?limit=100")).raise_for_status()
            listed.append(time.perf_counter() - started)
        after = psutil.Process(process.pid).memory_info().rss
    return {
        "queued": QUEUED,
        "insert_seconds": round(inserted, 2),
        "list_p95_ms": round(_p95_ms(listed), 1),
        "claim_ms": round(await claim_ms(folder), 2),
        "rss_mb_more": round((after - before) / 1e6, 1),
    }


async def claim_ms(folder: Path) -> float:
    """Return the median milliseconds of claiming a job of that queue, after a restart."""
    state = folder / "workspace/.comfypod"
    (journal,) = (state / "jobs").glob("*.jsonl")
    async with open_database(state / "comfypod.db") as database:
        store = JobStore(database, Journal(journal))
        await store.prepare()
        taken = []
        for _ in range(CLAIMS):
            started = time.perf_counter()
            assert await store.claim("benchmark", clock.in_seconds(60), new_id())
            taken.append(time.perf_counter() - started)
    return 1000 * statistics.median(taken)


_colors = itertools.count(time.time_ns() % 10_000_000)


def _color() -> int:
    """Return a number for a prompt that ComfyUI has not cached."""
    return next(_colors) * JOBS % 0xFFFFFF


async def _finished(client: httpx.AsyncClient) -> None:
    """Wait until every job has ended."""
    while True:
        counts = (await client.get("/api/jobs/status")).json()["counts"]
        if not any(count for state, count in counts.items() if state not in ENDED):
            return
        await asyncio.sleep(POLL_SECONDS)


async def _key(client: httpx.AsyncClient) -> str:
    answer = await client.post("/api/keys", json={"name": "benchmark", "scopes": ["read", "run"]})
    secret: str = answer.json()["secret"]
    return secret


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, trust_env=False).is_success
    except httpx.TransportError:
        return False


def _p95_ms(seconds: list[float]) -> float:
    return 1000 * statistics.quantiles(seconds, n=20)[-1]


def comfyuis() -> dict[str, tuple[Path, str]]:
    """Return the programs to measure by name, each with its interpreter."""
    found = {"stand-in": (MAIN, sys.executable)}
    if source := os.environ.get("COMFYUI_SRC"):
        found["comfyui"] = (Path(source) / "main.py", os.environ.get("COMFYUI_PYTHON", sys.executable))
    return found


def main() -> None:
    results: dict[str, Any] = {}
    for name, (program, python) in comfyuis().items():
        with TemporaryDirectory(prefix="comfypod-jobs-") as text:
            folder = Path(text)
            instance = ComfyUI(folder / "workspace/ComfyUI", main=program, python=python).with_test_nodes()
            with running(instance) as comfyui:
                results[name] = asyncio.run(compare(folder, comfyui))
        print(name, json.dumps(results[name]), file=sys.stderr)
    with TemporaryDirectory(prefix="comfypod-jobs-") as text:
        results["long queue"] = asyncio.run(long_queue(Path(text)))
    OUT.parent.mkdir(exist_ok=True)
    OUT.write_text(json.dumps(results, indent=2))
    print(json.dumps(results, indent=2))


if __name__ == "__main__":
    main()
