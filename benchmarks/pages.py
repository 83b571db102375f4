"""What the pages cost a browser and the control plane, against the budgets of docs/performance.md.

`python -m benchmarks.pages [PART …]` prints one JSON object. Parts: `first` (bytes, requests and first contentful paint of first
loads through nginx, with the CPU slowed down four times), `bars` (share of the main thread that four moving bars take), `forty`
(bytes of fragments while forty files finish in ten seconds), `load` (p95 of every page and call with 20,000 models and outputs and
50 clients at one request per second).
"""

import asyncio
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
from playwright.sync_api import Page, sync_playwright

from benchmarks.api import write
from benchmarks.support.live import PASSWORD, signed_in
from tests.support.browser import QUIET
from tests.support.hub import Hub, running_hub
from tests.support.hub.formats import safetensors
from tests.support.nginx import running_nginx
from tests.support.process import Process, free_port, running_process

PAGES = (
    "/",
    "/presets",
    "/presets/image_z_image_turbo",
    "/downloads",
    "/storage",
    "/outputs",
    "/jobs",
    "/settings",
)
CALLS = (
    "/api/presets",
    "/api/storage",
    "/api/storage/models",
    "/api/downloads",
    "/api/jobs",
    "/api/outputs",
    "/storage/tree",
)
SLOWDOWN = 4
BARS, BAR_BYTES, BAR_SECONDS, BYTES_PER_SECOND = 4, 400_000_000, 10, 2_000_000
FORTY, FORTY_SECONDS = 40, 10
FILES, CLIENTS, TURNS = 20_000, 50, 15


@contextmanager
def pod(folder: Path, hub: Hub) -> Iterator[tuple[Process, str]]:
    """Run a control plane behind nginx. Yield it and the address of nginx."""
    environment = {
        "WORKSPACE": str(folder / "workspace"),
        "RUN_DIR": str(folder / "run"),
        "ACCESS_PASSWORD": PASSWORD,
        "HF_ENDPOINT": hub.url,
        "DOWNLOAD_ALLOWED_HOSTS": ",".join(hub.cdn_hosts),
    }
    with (
        running_process(environment, forked=False) as process,
        running_nginx(folder / "nginx", process.port, free_port()) as nginx,
    ):
        yield process, nginx.dashboard


@contextmanager
def browser_page(address: str) -> Iterator[Page]:
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox", *QUIET])
        page = browser.new_page(viewport={"width": 1280, "height": 860})
        page.goto(address)
        page.get_by_label("Password of this pod").fill(PASSWORD)
        page.get_by_role("button", name="Sign in").click()
        page.get_by_role("heading", name="Overview").wait_for()
        yield page
        browser.close()


def first_load(page: Page, address: str) -> dict[str, float]:
    """Load a page with an empty cache and a slow CPU."""
    session = page.context.new_cdp_session(page)
    session.send("Network.enable")
    session.send("Network.clearBrowserCache")
    session.send("Emulation.setCPUThrottlingRate", {"rate": SLOWDOWN})
    sizes: list[float] = []
    session.on("Network.loadingFinished", lambda event: sizes.append(event["encodedDataLength"]))
    page.goto(address)
    page.wait_for_load_state("load")
    paint = page.evaluate("performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? null")
    page.wait_for_timeout(500)
    session.detach()
    return {
        "kB": round(sum(sizes) / 1000, 1),
        "requests": len(sizes),
        "first_contentful_paint_ms": round(paint),
    }


def busy_share(page: Page, seconds: float) -> float:
    """Return the CPU time of the main thread per second; unlike the duration of its tasks, other programs hardly affect it."""
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable", {"timeDomain": "threadTicks"})

    def task_seconds() -> float:
        metrics = session.send("Performance.getMetrics")["metrics"]
        return float(next(metric["value"] for metric in metrics if metric["name"] == "TaskDuration"))

    before, started = task_seconds(), time.monotonic()
    page.wait_for_timeout(1000 * seconds)
    return (task_seconds() - before) / (time.monotonic() - started)


def request(page: Page, hub: Hub, name: str, size: int, seed: int) -> None:
    file = hub.add("acme/models", f"{name}.safetensors", safetensors(size, seed=seed))
    body = {"url": hub.url_of(file), "folder": "loras"}
    assert page.request.post(f"{page.url.rsplit('/', 1)[0]}/api/downloads", data=body).ok


def measure_first(folder: Path) -> dict[str, Any]:
    with running_hub() as hub, pod(folder, hub) as (_, address), browser_page(address) as page:
        return {path: first_load(page, address + path) for path in PAGES}


def measure_bars(folder: Path) -> dict[str, Any]:
    with running_hub() as hub, pod(folder, hub) as (_, address), browser_page(address) as page:
        page.goto(f"{address}/downloads")
        page.wait_for_timeout(1000)
        idle = busy_share(page, 3)
        hub.throttle(BYTES_PER_SECOND)
        for number in range(BARS):
            request(page, hub, f"bar-{number}", BAR_BYTES, number)
        page.locator("progress").nth(BARS - 1).wait_for()
        return {"idle": round(idle, 3), "four_bars": round(busy_share(page, BAR_SECONDS), 3)}


def measure_forty(folder: Path) -> dict[str, Any]:
    with running_hub() as hub, pod(folder, hub) as (_, address), browser_page(address) as page:
        page.goto(f"{address}/downloads")
        page.wait_for_timeout(1000)
        session = page.context.new_cdp_session(page)
        session.send("Network.enable")
        sizes: list[float] = []
        session.on("Network.loadingFinished", lambda event: sizes.append(event["encodedDataLength"]))
        started = time.monotonic()
        for number in range(FORTY):
            request(page, hub, f"file-{number}", 50_000, number)
            page.wait_for_timeout(
                max(0, 1000 * (started + number * FORTY_SECONDS / FORTY - time.monotonic()))
            )
        page.wait_for_timeout(2000)
        return {"kB": round(sum(sizes) / 1000, 1), "fragments": len(sizes)}


async def load(process: Process) -> dict[str, Any]:
    paths = (*PAGES, *CALLS)
    taken: dict[str, list[float]] = {path: [] for path in ("/healthz", *paths)}

    async def ask(client: httpx.AsyncClient, path: str) -> None:
        started = time.perf_counter()
        (await client.get(path)).raise_for_status()
        taken[path].append(1000 * (time.perf_counter() - started))

    async def visit(client: httpx.AsyncClient, number: int) -> None:
        await asyncio.sleep(number / CLIENTS)
        for turn in range(TURNS):
            started = time.monotonic()
            await ask(client, paths[(number + turn) % len(paths)])
            await asyncio.sleep(max(0.0, started + 1 - time.monotonic()))

    async with signed_in(process) as client:
        for path in paths:
            (await client.get(path)).raise_for_status()
        for _ in range(50):
            await ask(client, "/healthz")
        await asyncio.gather(*(visit(client, number) for number in range(CLIENTS)))
    p95 = {path: statistics.quantiles(times, n=20)[-1] for path, times in taken.items()}
    return {
        path: {"p95_ms": round(value, 1), "ratio": round(value / p95["/healthz"], 1)}
        for path, value in p95.items()
    }


def measure_load(folder: Path) -> dict[str, Any]:
    for number in range(FILES):
        write(folder / f"workspace/ComfyUI/models/loras/{number % 50}/{number}.safetensors", b"model")
        write(folder / f"workspace/ComfyUI/output/{number % 50}/{number}.png", b"\x89PNG\r\n\x1a\n")
    with running_hub() as hub, pod(folder, hub) as (process, _):
        return asyncio.run(load(process))


PARTS = {"first": measure_first, "bars": measure_bars, "forty": measure_forty, "load": measure_load}


def main() -> None:
    results: dict[str, Any] = {}
    for part in sys.argv[1:] or PARTS:
        with tempfile.TemporaryDirectory() as folder:
            results[part] = PARTS[part](Path(folder))
    print(json.dumps(results, indent=2))


if __name__ == "__main__":
    main()
