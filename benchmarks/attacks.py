"""How long `/healthz` takes while the control plane is attacked.

`python -m benchmarks.attacks FOLDER` prints, for each attack, the slowest response to `/healthz` in milliseconds and the
highest resident memory in MB. The target is 100 ms. `calm` is the same server without an attack.
"""

import argparse
import asyncio
import json
import statistics
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import psutil
import websockets

from benchmarks.support.live import PASSWORD, signed_in
from tests.support.process import Process, running_process
from tests.support.supervisor import running_supervisor

PROBE_SECONDS = 0.01
CALM_SECONDS = 3.0
LOG_BYTES = 2**18
DEFINITION_BYTES = 2**20 - 2**10
UPLOADS, UPLOAD_BYTES = 60, 15_000_000
TRANSFERS, SOCKETS, SOCKETS_AT_ONCE, SOCKETS_SECONDS = 100, 2000, 50, 5.0

Attack = Callable[[httpx.AsyncClient], Awaitable[None]]


def _repeated(line: str) -> bytes:
    return (line * (DEFINITION_BYTES // len(line))).encode()


DEFINITIONS = {
    "definition_keys": "".join(f"k{number}: 1\n" for number in range(90_000)).encode()[:DEFINITION_BYTES],
    "definition_list": b"files:\n" + _repeated("- 1\n"),
    "definition_flow_mapping": b"{" + _repeated("k: 1, ") + b"}",
    "definition_nested_lists": _repeated("- "),
    "definition_open_brackets": _repeated("["),
}


async def log_with_unterminated_sequences(client: httpx.AsyncClient) -> None:
    (await client.get("/api/system/services/comfyui/log?lines=500")).raise_for_status()


async def five_definitions_of_30_000_values(client: httpx.AsyncClient) -> None:
    document = b"files:\n" + b"- 1\n" * 30_000
    await asyncio.gather(*(client.post("/api/presets/import", content=document) for _ in range(5)))


def definition(content: bytes) -> Attack:
    async def attack(client: httpx.AsyncClient) -> None:
        response = await client.post("/api/presets/import", content=content)
        assert response.status_code == httpx.codes.BAD_REQUEST, response.text

    return attack


async def anonymous_uploads(client: httpx.AsyncClient) -> None:
    async def slowly() -> Any:
        for _ in range(UPLOAD_BYTES // 100_000):
            yield b"x" * 100_000
            await asyncio.sleep(0)

    async def upload(stranger: httpx.AsyncClient) -> None:
        try:
            response = await stranger.post("/api/presets/from-workflow", content=slowly())
        except httpx.TransportError:
            return  # refused before the body was read
        assert response.status_code in (401, 413), response.text

    limits = httpx.Limits(max_connections=UPLOADS)
    async with httpx.AsyncClient(base_url=client.base_url, limits=limits, timeout=60) as stranger:
        await asyncio.gather(*(upload(stranger) for _ in range(UPLOADS)))


async def two_thousand_sockets(client: httpx.AsyncClient) -> None:
    """Follow the same transfers, which retry again and again, over many sockets."""
    for number in range(TRANSFERS):
        wanted = {"url": f"https://nowhere.invalid/{number}.safetensors", "folder": "unet"}
        (await client.post("/api/downloads", json=wanted)).raise_for_status()
    address = f"{str(client.base_url).replace('http', 'ws', 1)}/ws/downloads"
    headers = {"Authorization": client.headers["Authorization"]}
    at_once, opened = asyncio.Semaphore(SOCKETS_AT_ONCE), asyncio.Barrier(SOCKETS)

    async def follow() -> None:
        async with at_once:
            socket = await websockets.connect(address, additional_headers=headers, compression=None)
        async with socket:
            await socket.recv()
            await opened.wait()
            await asyncio.sleep(SOCKETS_SECONDS)

    await asyncio.gather(*(follow() for _ in range(SOCKETS)))


async def calm(_: httpx.AsyncClient) -> None:
    await asyncio.sleep(CALM_SECONDS)


class Probe:
    """Asks for `/healthz` again and again on its own connection."""

    def __init__(self, process: Process) -> None:
        self._url = process.url
        self._process = psutil.Process(process.pid)
        self.milliseconds: list[float] = []
        self.most_mb = 0.0
        self.started = asyncio.Event()

    async def run(self) -> None:
        async with httpx.AsyncClient(base_url=self._url, timeout=60) as client:
            (await client.get("/healthz")).raise_for_status()
            self.started.set()
            while True:
                started = time.perf_counter()
                (await client.get("/healthz")).raise_for_status()
                self.milliseconds.append(1000 * (time.perf_counter() - started))
                self.most_mb = max(self.most_mb, self._process.memory_info().rss / 1e6)
                await asyncio.sleep(PROBE_SECONDS)


async def measure(process: Process, client: httpx.AsyncClient, attack: Attack) -> dict[str, float]:
    probe = Probe(process)
    probing = asyncio.create_task(probe.run())
    await probe.started.wait()
    started = time.perf_counter()
    await attack(client)
    seconds = time.perf_counter() - started
    # What the attack has left behind may delay the next response.
    await asyncio.sleep(1)
    probing.cancel()
    await asyncio.wait([probing])
    return {
        "healthz_max_ms": round(max(probe.milliseconds), 1),
        "healthz_median_ms": round(statistics.median(probe.milliseconds), 1),
        "attack_seconds": round(seconds, 2),
        "most_mb": round(probe.most_mb),
    }


async def measure_all(folder: Path) -> dict[str, Any]:
    logs = folder / "logs"
    logs.mkdir(parents=True, exist_ok=True)
    (logs / "comfyui.log").write_text("\x1b]" * (LOG_BYTES // 2) + "\nthe end\n")
    socket = folder / "run/supervisor.sock"
    socket.parent.mkdir(exist_ok=True)
    environment = {
        "WORKSPACE": str(folder / "workspace"),
        "RUN_DIR": str(folder / "run"),
        "LOG_DIR": str(logs),
        "SUPERVISOR_SOCKET": str(socket),
        "ACCESS_PASSWORD": PASSWORD,
        "COMFYUI_URL": "http://127.0.0.1:9",
    }
    attacks: dict[str, Attack] = {
        "calm": calm,
        "log": log_with_unterminated_sequences,
        **{name: definition(content) for name, content in DEFINITIONS.items()},
        "five_definitions_of_30000_values": five_definitions_of_30_000_values,
        "anonymous_uploads": anonymous_uploads,
        "two_thousand_sockets": two_thousand_sockets,
    }
    with running_supervisor(socket, comfyui="RUNNING"), running_process(environment, forked=False) as process:
        async with signed_in(process) as client:
            return {name: await measure(process, client, attack) for name, attack in attacks.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder.resolve()
    print(json.dumps(asyncio.run(measure_all(folder)), indent=2))


if __name__ == "__main__":
    main()
