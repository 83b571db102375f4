"""Throughput of the first pages of lists, on a real control plane with 0, 300 and 20,000 models and as many outputs.

`python -m benchmarks.api FOLDER [--slow]` writes files below FOLDER and prints one JSON object. With `--slow`, every call
that would travel to a file server takes longer (support/slow_volume.c). Figures are ratios to `/healthz` of the same run.
"""

import argparse
import asyncio
import json
import statistics
import subprocess
import time
from pathlib import Path
from typing import Any

import httpx

from benchmarks.support.live import PASSWORD, signed_in
from tests.support.comfyui.tree.media import png
from tests.support.process import running_process

FILES = (0, 300, 20_000)
PATHS = (
    "/healthz",
    "/api/presets?limit=60",
    "/api/storage/models?limit=60",
    "/api/outputs?limit=60",
    "/",
    "/presets",
    "/presets/flux1-schnell",
    "/storage",
    "/outputs",
)
PICTURE = png(8, 8, 0, {"prompt": {"1": {"class_type": "KSampler", "inputs": {"seed": 1}}}})
SECONDS = 3.0
CLIENTS = 8
# Clients at one request per second each.
CALM_CLIENTS, CALM_SECONDS = 50, 10
SLOW_SOURCE = Path(__file__).with_name("support") / "slow_volume.c"
SLOW_MICROSECONDS = 500


async def requests_per_second(client: httpx.AsyncClient, path: str) -> float:
    async def ask(until: float) -> int:
        count = 0
        while time.monotonic() < until:
            (await client.get(path)).raise_for_status()
            count += 1
        return count

    (await client.get(path)).raise_for_status()
    started = time.monotonic()
    counts = await asyncio.gather(*(ask(started + SECONDS) for _ in range(CLIENTS)))
    return sum(counts) / (time.monotonic() - started)


async def p95_of_calm_clients(client: httpx.AsyncClient) -> float:
    """Return milliseconds, measured over all paths in turn."""
    taken: list[float] = []

    async def visit(number: int) -> None:
        await asyncio.sleep(number / CALM_CLIENTS)
        for turn in range(CALM_SECONDS):
            started = time.perf_counter()
            (await client.get(PATHS[(number + turn) % len(PATHS)])).raise_for_status()
            taken.append(time.perf_counter() - started)
            await asyncio.sleep(max(0.0, 1 - (time.perf_counter() - started)))

    await asyncio.gather(*map(visit, range(CALM_CLIENTS)))
    return 1000 * statistics.quantiles(taken, n=20)[-1]


async def measure(folder: Path, files: int, preload: dict[str, str]) -> dict[str, Any]:
    workspace = folder / f"workspace-{files}"
    for number in range(files):
        write(workspace / f"ComfyUI/models/loras/{number % 50}/{number}.safetensors", b"model")
        write(workspace / f"ComfyUI/output/{number % 50}/{number}.png", PICTURE)
    environment = {
        "WORKSPACE": str(workspace),
        "RUN_DIR": str(folder / "run"),
        "ACCESS_PASSWORD": PASSWORD,
        **preload,
    }
    with running_process(environment, forked=False) as process:
        async with signed_in(process) as client:
            await client.get("/api/storage/models?limit=1")
            await client.get("/api/outputs?limit=1")
            rates = {path: await requests_per_second(client, path) for path in PATHS}
            return {
                "files": files,
                "healthz_per_second": round(rates["/healthz"]),
                "ratio": {path: round(rate / rates["/healthz"], 3) for path, rate in rates.items()},
                "p95_ms_of_50_clients": round(await p95_of_calm_clients(client), 1),
            }


def write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def slow_volume(folder: Path) -> dict[str, str]:
    """Compile the model of a network volume; return the variables that load it."""
    library = folder / "slow.so"
    command = ["gcc", "-O2", "-Wall", "-shared", "-fPIC", "-o", str(library), str(SLOW_SOURCE), "-ldl"]
    subprocess.run(command, check=True)
    return {
        "LD_PRELOAD": str(library),
        "SLOW_FOLDER": str(folder),
        "SLOW_MICROSECONDS": str(SLOW_MICROSECONDS),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--slow", action="store_true")
    parser.add_argument("--files", type=int, nargs="*", default=FILES)
    options = parser.parse_args()
    folder = options.folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    preload = slow_volume(folder) if options.slow else {}
    results = [asyncio.run(measure(folder, files, preload)) for files in options.files]
    print(json.dumps({"slow_volume": options.slow, "results": results}, indent=2))


if __name__ == "__main__":
    main()
