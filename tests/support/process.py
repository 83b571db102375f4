"""Run a server as its own process: the control plane as `make run` does, or another one."""

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class ServerProcess:
    """A server that can be stopped, killed and restarted on the same port.

    `ready_line` is part of the line that it prints once it listens.
    """

    def __init__(self, name: str, ready_line: str) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.output: list[str] = []
        self._name = name
        self._ready_line = ready_line
        self._process: subprocess.Popen[str] | None = None

    @property
    def process(self) -> subprocess.Popen[str]:
        assert self._process, "it is not running"
        return self._process

    @property
    def pid(self) -> int:
        return self.process.pid

    def launch(self, command: list[str], environment: Mapping[str, str]) -> None:
        """Start the process and return once it has printed that it listens."""
        listening = self.spawn(command, environment)
        while not listening.wait(0.05):
            if self.process.poll() is not None:
                self._reader.join()
                raise RuntimeError(f"{self._name} did not start:\n" + "".join(self.output))

    def spawn(self, command: list[str], environment: Mapping[str, str]) -> threading.Event:
        """Start the process and return at once. The event is set when it has printed that it listens."""
        self._process = subprocess.Popen(
            command,
            cwd=ROOT,
            env={**os.environ, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        listening = threading.Event()
        self._reader = threading.Thread(target=self._read, args=(self._process, listening))
        self._reader.start()
        return listening

    def ended(self) -> int:
        """Wait until it ends by itself, and return its exit code."""
        code = self.process.wait(timeout=60)
        self._reader.join()
        return code

    def end(self, how: signal.Signals) -> int:
        """Send a signal, which also reaches a paused process, and return its exit code; 0 when it does not run."""
        if self._process is None:
            return 0
        self._process.send_signal(how)
        self._process.send_signal(signal.SIGCONT)
        try:
            code = self._process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            code = self._process.wait()
        self._reader.join()
        self._process = None
        return code

    def _read(self, process: subprocess.Popen[str], listening: threading.Event) -> None:
        """Read its output until it ends: a full pipe would block it."""
        assert process.stdout
        with process.stdout as output:
            for line in output:
                self.output.append(line)
                if self._ready_line in line:
                    listening.set()


class Process(ServerProcess):
    """A control plane."""

    def __init__(self, environment: dict[str, str]):
        super().__init__("the control plane", "Uvicorn running on")
        self._environment = environment

    def start(self) -> None:
        self.launch(*self._command())

    def start_without_waiting(self) -> None:
        self.spawn(*self._command())

    def kill(self) -> None:
        """End it as a crash does: nothing is written any more."""
        self.end(signal.SIGKILL)

    def _command(self) -> tuple[list[str], dict[str, str]]:
        environment = {"LOG_FORMAT": "json", **self._environment, "PORT": str(self.port)}
        return [sys.executable, "-m", "backend.main"], environment

    def stop(self) -> int:
        """Stop it with a signal and return its exit code."""
        code = self.end(signal.SIGTERM)
        assert code != -signal.SIGKILL, "the control plane did not stop in time"
        return code


@contextmanager
def running_process(environment: dict[str, str]) -> Iterator[Process]:
    process = Process(environment)
    process.start()
    try:
        yield process
    finally:
        process.stop()
