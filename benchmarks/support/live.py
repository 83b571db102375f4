"""Measure a control plane under load: its memory, and the delay until a hundred browsers see a byte."""

import asyncio
import bisect
import itertools
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
WATCHERS = 100
BURSTS, BURST_BYTES, BURST_SECONDS = 40, 50_000, 0.35
# Twenty seconds at 2 MB/s.
STEPS, STEP_BYTES, STEP_SECONDS = 2000, 20_000, 0.01
# The delay is sampled once per this number of bytes.
SAMPLE_BYTES = 20_000
POLL_SECONDS = 0.1


@asynccontextmanager
async def signed_in(process: Process) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=process.url, timeout=60) as client:
        answer = await client.post("/api/auth/login", json={"password": PASSWORD})
        client.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
        yield client


async def measure_memory(folder: Path) -> dict[str, Any]:
    """Return the peak resident memory while four large files are downloaded over TLS and hashed."""
    for number in range(FILES):
        path = folder / "served" / f"{number}.gguf"
        path.parent.mkdir(exist_ok=True)
        with path.open("wb") as file:  # a sparse file takes no disk space and is the same work
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
        with running_process(environment, forked=False) as process:
            async with signed_in(process) as client:
                for number in range(FILES):
                    wanted = {"url": f"{origin}/{number}.gguf", "folder": "unet"}
                    (await client.post("/api/downloads", json=wanted)).raise_for_status()
                return {"rss_mb": await _most_resident(process, client) / 1e6}


async def _most_resident(process: Process, client: httpx.AsyncClient) -> int:
    """Return the peak resident memory in bytes until all transfers have ended."""
    watched, most = psutil.Process(process.pid), 0
    while True:
        most = max(most, watched.memory_info().rss)
        states = [transfer["state"] for transfer in (await client.get("/api/downloads")).json()]
        if not {"queued", "running", "verifying", "retrying"} & set(states):
            assert states == ["done"] * FILES, states
            return most
        await asyncio.sleep(POLL_SECONDS)


async def measure_frames(folder: Path) -> dict[str, Any]:
    """Measure the frames of one download on a hundred WebSockets: after pauses, and during a steady flow."""
    with running_hub() as hub:
        model = hub.add_plain("large.gguf", gguf(BURSTS * BURST_BYTES + STEPS * STEP_BYTES + 1))
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
        with running_process(environment, forked=False) as process:
            async with signed_in(process) as client:
                # One connection, so that every released byte counts: several may receive a few bytes twice.
                policy = (await client.get("/api/downloads/policy")).json() | {"connections": 1}
                (await client.put("/api/downloads/policy", json=policy)).raise_for_status()
                wanted = {"url": hub.url_of(model), "folder": "unet"}
                transfer = (await client.post("/api/downloads", json=wanted)).json()["id"]
                await asyncio.to_thread(gate.wait_until_reached)
                return await _watch(process, client, transfer, Tap(gate))


class Tap:
    """Releases bytes, and records when."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate
        self._totals = [0]
        self._moments = [time.monotonic()]

    @property
    def total(self) -> int:
        return self._totals[-1]

    def release_bytes(self, count: int) -> None:
        self._totals.append(self.total + count)
        self._moments.append(time.monotonic())
        self._gate.advance(count)

    def release(self) -> None:
        self._gate.release()

    def moment_of(self, byte: int) -> float:
        """Return when byte number `byte`, counted from one, was released."""
        return self._moments[bisect.bisect_left(self._totals, byte)]


class Watcher:
    """A client on the WebSocket of one transfer."""

    def __init__(self) -> None:
        # The arrival time of each progress frame, and its number of bytes.
        self.frames: list[tuple[float, int]] = []
        self._frame_arrived = asyncio.Condition()

    async def watch(self, address: str, token: str) -> None:
        headers = {"Authorization": token}
        async with websockets.connect(address, additional_headers=headers) as socket:
            async for text in socket:
                frame = json.loads(text)
                if frame["type"] == "progress":
                    async with self._frame_arrived:
                        self.frames.append((time.monotonic(), frame["rows"][0][1]))
                        self._frame_arrived.notify_all()

    async def sees(self, received: int) -> float:
        """Wait until a frame shows `received` bytes; return its arrival time."""
        async with self._frame_arrived:
            await self._frame_arrived.wait_for(lambda: self.frames and self.frames[-1][1] >= received)
            return self.frames[-1][0]


async def _watch(process: Process, client: httpx.AsyncClient, transfer: str, tap: Tap) -> dict[str, Any]:
    watchers = [Watcher() for _ in range(WATCHERS)]
    address = process.url.replace("http://", "ws://") + f"/ws/downloads/{transfer}"
    token = client.headers["Authorization"]
    listening = [asyncio.create_task(watcher.watch(address, token)) for watcher in watchers]
    after_pauses = await _after_pauses(watchers, tap)
    steady = await _steadily(watchers, tap)
    for task in listening:
        task.cancel()
    await asyncio.gather(*listening, return_exceptions=True)
    tap.release()
    return {**after_pauses, **steady, "watchers": WATCHERS}


async def _after_pauses(watchers: list[Watcher], tap: Tap) -> dict[str, Any]:
    """Measure from a burst of bytes to its frame. Pauses are longer than the gap between frames."""
    delays: list[float] = []
    for burst in range(BURSTS):
        tap.release_bytes(BURST_BYTES)
        moments = await asyncio.gather(*(watcher.sees(tap.total) for watcher in watchers))
        if burst > 0:  # WebSockets are still connecting during the first
            delays += [moment - tap.moment_of(tap.total) for moment in moments]
        await asyncio.sleep(BURST_SECONDS)
    return {"first_byte_p95_ms": _p95_ms(delays)}


async def _steadily(watchers: list[Watcher], tap: Tap) -> dict[str, Any]:
    """Measure during a steady flow of bytes.

    `frame_p95_ms` is the age of a frame's newest byte when the frame arrives. `byte_p95_ms` is the time until any byte
    is shown, which includes the gap between two frames.
    """
    before = [len(watcher.frames) for watcher in watchers]
    for _ in range(STEPS):
        tap.release_bytes(STEP_BYTES)
        await asyncio.sleep(STEP_SECONDS)
    await asyncio.gather(*(watcher.sees(tap.total) for watcher in watchers))
    ages: list[float] = []
    waits: list[float] = []
    rates: list[float] = []
    for watcher, known in zip(watchers, before, strict=True):
        frames = watcher.frames[known:]
        ages += [moment - tap.moment_of(received) for moment, received in frames]
        for (_, shown), (moment, received) in itertools.pairwise(watcher.frames[known - 1 :]):
            waits += [moment - tap.moment_of(byte) for byte in range(shown + 1, received + 1, SAMPLE_BYTES)]
        rates.append((len(frames) - 1) / (frames[-1][0] - frames[0][0]))
    return {"frame_p95_ms": _p95_ms(ages), "byte_p95_ms": _p95_ms(waits), "frames_per_second": max(rates)}


def _p95_ms(seconds: list[float]) -> float:
    return 1000 * statistics.quantiles(seconds, n=20)[-1]
