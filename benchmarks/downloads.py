"""Measure the speed and CPU cost of downloads, compared with other clients.

    python -m benchmarks.downloads                        everything
    python -m benchmarks.downloads --rounds 9 --only throughput

Every client fetches the same file from nginx over TLS on loopback and checks its SHA-256. They take turns, each round
beginning with another one, so that whatever else this machine does meets all of them. Ours is the engine alone, without
queue, sockets and pages; Python clients are measured from their first request, programs from their start.
Prints ratios and writes what this run has measured to benchmarks/out/downloads.json.
Throughput is ours divided by theirs: more than 1 means that we are faster.
"""

import argparse
import asyncio
import hashlib
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.support.file_server import FileServer, running_file_server
from benchmarks.support.live import measure_frames, measure_memory
from benchmarks.support.python_clients import path_of

ROOT = Path(__file__).resolve().parents[1]
OUT = ROOT / "benchmarks" / "out" / "downloads.json"
SIZE = 10**9
CAP = 40_000_000
NAME = "model.bin"
Figures = dict[str, Any]
Cost = tuple[float, float]  # seconds, CPU seconds


def with_python(client: str) -> Callable[[str, str, Path, FileServer], Cost]:
    def fetch(origin: str, sha256: str, folder: Path, server: FileServer) -> Cost:
        script = [sys.executable, "-m", "benchmarks.support.python_clients"]
        command = [*script, client, origin, NAME, sha256, str(folder)]
        environment = {**os.environ, "SSL_CERT_FILE": str(server.ca_file)}
        done = subprocess.run(command, cwd=ROOT, env=environment, check=True, stdout=subprocess.PIPE)
        told = json.loads(done.stdout)
        return told["seconds"], told["cpu_seconds"]

    return fetch


def with_aria2(origin: str, sha256: str, folder: Path, server: FileServer) -> Cost:
    return timed(
        ["aria2c", "-q", "-x16", "-s16", f"--checksum=sha-256={sha256}", f"--ca-certificate={server.ca_file}",
         "--file-allocation=none", "-d", str(folder), "-o", NAME, f"{origin}/{path_of(NAME)}"]
    )  # fmt: skip


def with_curl(origin: str, sha256: str, folder: Path, server: FileServer) -> Cost:
    target = folder / NAME
    fetched = timed(
        ["curl", "-sf", "--cacert", str(server.ca_file), "-o", str(target), f"{origin}/{path_of(NAME)}"]
    )
    checked = timed(["sha256sum", "--check", "--status"], input=f"{sha256}  {target}\n".encode())
    return fetched[0] + checked[0], fetched[1] + checked[1]


def timed(command: list[str], **options: Any) -> Cost:
    cpu, began = children_cpu_seconds(), time.monotonic()
    subprocess.run(command, check=True, **options)
    return time.monotonic() - began, children_cpu_seconds() - cpu


def children_cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


CLIENTS = {
    "comfypod": with_python("comfypod"),
    "aria2": with_aria2,
    "huggingface_hub": with_python("huggingface_hub"),
    "curl": with_curl,
    "httpx": with_python("httpx"),
}


def measure_throughput(folder: Path, rounds: int) -> Figures:
    sha256 = make_file(folder / "served" / path_of(NAME), SIZE)
    costs: dict[str, dict[str, list[Cost]]] = defaultdict(lambda: defaultdict(list))
    with running_file_server(folder / "served", folder / "nginx", CAP) as server:
        for number in range(rounds):
            for speed, origin in server.urls.items():
                for client in rotated(list(CLIENTS), number):
                    if speed == "capped" and client in ("curl", "httpx"):
                        continue  # one connection: the limit determines its speed
                    with tempfile.TemporaryDirectory(dir=folder) as target:
                        costs[speed][client].append(CLIENTS[client](origin, sha256, Path(target), server))
    return ratios(costs["unlimited"], costs["capped"])


def rotated(names: list[str], by: int) -> list[str]:
    by %= len(names)
    return names[by:] + names[:by]


def ratios(unlimited: dict[str, list[Cost]], capped: dict[str, list[Cost]]) -> Figures:
    seconds = {name: statistics.median(s for s, _ in costs) for name, costs in unlimited.items()}
    cpu = {name: statistics.median(c for _, c in costs) for name, costs in unlimited.items()}
    slow = {name: statistics.median(s for s, _ in costs) for name, costs in capped.items()}
    return {
        "throughput_vs_aria2": seconds["aria2"] / seconds["comfypod"],
        "throughput_vs_aria2_capped": slow["aria2"] / slow["comfypod"],
        "throughput_vs_huggingface_hub": seconds["huggingface_hub"] / seconds["comfypod"],
        "throughput_vs_curl": seconds["curl"] / seconds["comfypod"],
        "throughput_vs_httpx": seconds["httpx"] / seconds["comfypod"],
        "cpu_per_gb_vs_httpx": cpu["comfypod"] / cpu["httpx"],
        "seconds_per_gb": {"unlimited": seconds, "40 MB/s per connection": slow},
        "cpu_seconds_per_gb": cpu,
    }


def make_file(path: Path, size: int) -> str:
    """Write incompressible bytes; return their SHA-256."""
    path.parent.mkdir(parents=True, exist_ok=True)
    digest, block = hashlib.sha256(), os.urandom(10**7)
    with path.open("wb") as file:
        for number in range(size // len(block)):
            piece = number.to_bytes(8, "big") + block[8:]
            digest.update(piece)
            file.write(piece)
    return digest.hexdigest()


PARTS: dict[str, Callable[[Path, int], Figures]] = {
    "throughput": measure_throughput,
    "memory": lambda folder, _: asyncio.run(measure_memory(folder)),
    "frames": lambda folder, _: asyncio.run(measure_frames(folder)),
}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", action="append", choices=PARTS, help="may be repeated")
    arguments = parser.parse_args()
    figures: Figures = {}
    for part in arguments.only or PARTS:
        with tempfile.TemporaryDirectory(prefix="comfypod-bench-") as folder:
            figures |= PARTS[part](Path(folder), arguments.rounds)
    OUT.parent.mkdir(exist_ok=True)
    OUT.write_text(json.dumps(figures, indent=2) + "\n")
    for key, figure in figures.items():
        print(f"{key:32} {json.dumps(figure, default=str) if isinstance(figure, dict) else round(figure, 2)}")


if __name__ == "__main__":
    main()
