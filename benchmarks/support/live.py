"""A running control plane under load: its memory, and how soon a byte is seen by a hundred browsers."""

import asyncio
import json
import statistics
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import psutil
import websockets

from benchmarks.support.file_server import running_file_server
from tests.support.hub import running_hub
from tests.support.hub.formats import gguf
from tests.support.hub.gates import Gate
from tests.support.process import Process, running_process

PASSWORD = "benchmark password"
FILES, FILE_BYTES = 4, 5 * 10**9
WATCHERS, BURSTS = 100, 60
BURST_BYTES = 50_000
BURST_SECONDS = 0.35
LOOK_SECONDS = 0.1


@asynccontextmanager
async def signed_in(process: Process) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=process.url, timeout=60) as client:
        answer = await client.post("/api/auth/login", json={"password": PASSWORD})
        client.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
        yield client


async def measure_memory(folder: Path) -> dict[str, Any]:
    """Four large files at once, over TLS, hashed; the most that the control plane had resident."""
    for number in range(FILES):
        path = folder / "served" / f"{number}.gguf"
        path.parent.mkdir(exist_ok=True)
        with path.open("wb") as file:  # holes cost no disk, and the same work
            file.write(b"GGUF")
            file.truncate(FILE_BYTES)
    with running_file_server(folder / "served", folder / "nginx", 40_000_000) as server:
        origin = server.urls["unlimited"]
        environment = {
            "WORKSPACE": str(folder / "workspace"),
            "RUN_DIR": str(folder / "run"),
            "ACCESS_PASSWORD": PASSWORD,
            "SSL_CERT_FILE": str(server.ca_file),
            "DOWNLOAD_ALLOWED_HOSTS": origin.removeprefix("https://"),
            "COMFYUI_URL": "http://127.0.0.1:9",
        }
        with running_process(environment) as process:
            async with signed_in(process) as client:
                for number in range(FILES):
                    wanted = {"url": f"{origin}/{number}.gguf", "folder": "unet"}
                    (await client.post("/api/downloads", json=wanted)).raise_for_status()
                return {"rss_mb": await _most_resident(process, client) / 1e6}


async def _most_resident(process: Process, client: httpx.AsyncClient) -> int:
    """Bytes, from now until no transfer is under way any more."""
    watched, most = psutil.Process(process.pid), 0
    while True:
        most = max(most, watched.memory_info().rss)
        states = [transfer["state"] for transfer in (await client.get("/api/downloads")).json()]
        if not {"queued", "running", "verifying", "waiting"} & set(states):
            assert states == ["done"] * FILES, states
            return most
        await asyncio.sleep(LOOK_SECONDS)


async def measure_frames(folder: Path) -> dict[str, Any]:
    """From the moment a hub lets bytes go to the moment each of a hundred sockets shows them."""
    with running_hub() as hub:
        model = hub.add_plain("large.gguf", gguf(BURSTS * BURST_BYTES + 1))
        gate = hub.hold(model)
        environment = {
            "WORKSPACE": str(folder / "workspace"),
            "RUN_DIR": str(folder / "run"),
            "ACCESS_PASSWORD": PASSWORD,
            "HF_ENDPOINT": hub.url,
            "DOWNLOAD_ALLOWED_HOSTS": hub.url.removeprefix("http://"),
            "DOWNLOAD_STALL_SECONDS": "60",
            "COMFYUI_URL": "http://127.0.0.1:9",
        }
        with running_process(environment) as process:
            async with signed_in(process) as client:
                wanted = {"url": hub.url_of(model), "folder": "unet"}
                transfer = (await client.post("/api/downloads", json=wanted)).json()["id"]
                await asyncio.to_thread(gate.wait_until_reached)
                return await _watch(process, client, transfer, gate)


class Watcher:
    """A browser on one transfer's socket."""

    def __init__(self) -> None:
        self.received = 0
        # When each progress frame came.
        self.frames: list[float] = []
        self._news = asyncio.Condition()

    async def watch(self, address: str, token: str) -> None:
        headers = {"Authorization": token}
        async with websockets.connect(address, additional_headers=headers) as socket:
            async for text in socket:
                frame = json.loads(text)
                if frame["type"] == "progress":
                    self.frames.append(time.monotonic())
                    async with self._news:
                        self.received = frame["rows"][0][1]
                        self._news.notify_all()

    async def sees(self, received: int) -> float:
        """The moment at which it does."""
        async with self._news:
            await self._news.wait_for(lambda: self.received >= received)
        return self.frames[-1]


async def _watch(process: Process, client: httpx.AsyncClient, transfer: str, gate: Gate) -> dict[str, Any]:
    watchers = [Watcher() for _ in range(WATCHERS)]
    address = process.url.replace("http://", "ws://") + f"/ws/downloads/{transfer}"
    token = client.headers["Authorization"]
    listening = [asyncio.create_task(watcher.watch(address, token)) for watcher in watchers]
    delays: list[float] = []
    for burst in range(1, BURSTS + 1):
        began = time.monotonic()
        gate.advance(BURST_BYTES)
        moments = await asyncio.gather(*(watcher.sees(burst * BURST_BYTES) for watcher in watchers))
        if burst > 1:  # with the first, sockets are still being opened
            delays += [moment - began for moment in moments]
        await asyncio.sleep(BURST_SECONDS)
    for task in listening:
        task.cancel()
    await asyncio.gather(*listening, return_exceptions=True)
    gate.release()
    return {
        "frame_p95_ms": 1000 * statistics.quantiles(delays, n=20)[-1],
        "frame_median_ms": 1000 * statistics.median(delays),
        "frames_per_second_most": max(_most_in_a_second(watcher.frames) for watcher in watchers),
        "watchers": WATCHERS,
    }


def _most_in_a_second(moments: list[float]) -> int:
    return max(sum(start <= moment < start + 1 for moment in moments) for start in moments)
