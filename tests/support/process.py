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

from tests.support.forks import CONTROL_PLANE, Fork, Program

ROOT = Path(__file__).resolve().parents[2]

AnyProcess = Fork | subprocess.Popen[str]


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
        self._process: AnyProcess | None = None

    @property
    def process(self) -> AnyProcess:
        assert self._process, "it is not running"
        return self._process

    @property
    def pid(self) -> int:
        return self.process.pid

    def launch(self, process: AnyProcess) -> None:
        """Return once the process has printed that it listens."""
        listening = self.watch(process)
        while not listening.wait(0.05):
            if process.poll() is not None:
                self._reader.join()
                raise RuntimeError(f"{self._name} did not start:\n" + "".join(self.output))

    def watch(self, process: AnyProcess) -> threading.Event:
        """Collect what the process prints. The event is set when it has printed that it listens."""
        self._process = process
        listening = threading.Event()
        self._reader = threading.Thread(target=self._read, args=(process, listening))
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

    def _read(self, process: AnyProcess, listening: threading.Event) -> None:
        """Read its output until it ends: a full pipe would block it."""
        assert process.stdout
        with process.stdout as output:
            for line in output:
                self.output.append(line)
                if self._ready_line in line:
                    listening.set()


def executed(command: list[str], environment: Mapping[str, str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        command,
        cwd=ROOT,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


class Process(ServerProcess):
    """A control plane. Not forked, it starts as for a user, which takes 2 s longer."""

    def __init__(self, environment: dict[str, str], *, forked: bool = True):
        super().__init__("the control plane", "Uvicorn running on")
        self._environment = environment
        self._forked = forked

    def start(self) -> None:
        self.launch(self._started())

    def start_without_waiting(self) -> None:
        self.watch(self._started())

    def kill(self) -> None:
        """End it as a crash does: nothing is written any more."""
        self.end(signal.SIGKILL)

    def stop(self) -> int:
        """Stop it with a signal and return its exit code."""
        code = self.end(signal.SIGTERM)
        assert code != -signal.SIGKILL, "the control plane did not stop in time"
        return code

    def _started(self) -> AnyProcess:
        environment = {"LOG_FORMAT": "json", **self._environment, "PORT": str(self.port)}
        if not self._forked:
            return executed([sys.executable, "-m", "backend.main"], environment)
        program = Program(module=CONTROL_PLANE, environment={**os.environ, **environment}, folder=ROOT)
        return Fork(program, stderr=subprocess.STDOUT)


@contextmanager
def running_process(environment: dict[str, str], *, forked: bool = True) -> Iterator[Process]:
    process = Process(environment, forked=forked)
    process.start()
    try:
        yield process
    finally:
        process.stop()
