"""Run the control plane as its own process, as `make run` does."""

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Process:
    """A control plane that can be stopped and restarted on the same port."""

    def __init__(self, environment: dict[str, str]):
        self._environment = environment
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.output: list[str] = []
        self._process: subprocess.Popen[str] | None = None

    @property
    def pid(self) -> int:
        assert self._process, "it is not running"
        return self._process.pid

    def start(self) -> None:
        """Start it and wait until uvicorn logs that it listens."""
        environment = {**os.environ, "LOG_FORMAT": "json", **self._environment, "PORT": str(self.port)}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "backend.main"],
            cwd=ROOT,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        listening = threading.Event()
        self._reader = threading.Thread(target=self._read, args=(self._process, listening))
        self._reader.start()
        while not listening.wait(0.1):
            if self._process.poll() is not None:
                self._reader.join()
                raise RuntimeError("the control plane did not start:\n" + "".join(self.output))

    def stop(self) -> int:
        """Stop it with a signal and return its exit code."""
        if self._process is None:
            return 0
        self._process.send_signal(signal.SIGTERM)
        code = self._process.wait(timeout=30)
        self._reader.join()
        self._process = None
        return code

    def _read(self, process: subprocess.Popen[str], listening: threading.Event) -> None:
        """Read its output until it ends: a full pipe would block it."""
        assert process.stdout
        with process.stdout as output:
            for line in output:
                self.output.append(line)
                if "Uvicorn running on" in line:
                    listening.set()


@contextmanager
def running_process(environment: dict[str, str]) -> Iterator[Process]:
    process = Process(environment)
    process.start()
    try:
        yield process
    finally:
        process.stop()
