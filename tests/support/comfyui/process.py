"""Runs a ComfyUI as its own process: the stand-in, or a real one from its source."""

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from tests.support.process import free_port

MAIN = Path(__file__).parent / "tree" / "main.py"
TEST_NODES = Path(__file__).parent / "test_nodes"


class ComfyUI:
    """One that can be stopped, killed and started again on the same port.

    `base` gets the folders that the real one makes at its first start. `main` and `python` run another ComfyUI.
    """

    def __init__(
        self,
        base: Path,
        *flags: str,
        environment: dict[str, str] | None = None,
        main: Path = MAIN,
        python: str = sys.executable,
    ):
        self.base = base
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.output: list[str] = []
        self._command = [python, str(main), "--cpu", "--port", str(self.port), "--base-directory", str(base)]
        self._command += flags
        self._environment = {**os.environ, **(environment or {})}
        self._process: subprocess.Popen[str] | None = None
        for folder in ("custom_nodes", "models/vae", "user"):
            (base / folder).mkdir(parents=True, exist_ok=True)

    def with_test_nodes(self) -> "ComfyUI":
        """Install the node types that are slow, fail, crash, or show what they are asked to."""
        shutil.copytree(TEST_NODES, self.base / "custom_nodes" / "test-nodes", dirs_exist_ok=True)
        return self

    def start(self) -> None:
        """Return once it listens."""
        self._process = subprocess.Popen(
            self._command,
            env=self._environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        listening = threading.Event()
        self._reader = threading.Thread(target=self._read, args=(self._process, listening))
        self._reader.start()
        while not listening.wait(0.05):
            if self._process.poll() is not None:
                self._reader.join()
                raise RuntimeError("ComfyUI did not start:\n" + "".join(self.output))
        self._wait_until_it_answers(self._process)

    def _wait_until_it_answers(self, process: subprocess.Popen[str]) -> None:
        """Bridge the moment between the line and listening. One that is made to crash may have ended by then."""
        with httpx.Client(timeout=60, trust_env=False) as client:
            while process.poll() is None:
                try:
                    client.get(f"{self.url}/prompt")
                except httpx.TransportError:
                    time.sleep(0.02)
                else:
                    return

    def stop(self) -> None:
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End it as a crash does: nothing is cleaned up, and connections break."""
        self._end(signal.SIGKILL)

    def ended(self) -> int:
        """Wait until it has ended by itself, and return its exit code."""
        assert self._process
        code = self._process.wait(timeout=60)
        self._reader.join()
        return code

    def pause(self) -> None:
        """Stop its threads, so that it holds its connections and answers nothing."""
        assert self._process
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        assert self._process
        self._process.send_signal(signal.SIGCONT)

    def _end(self, how: signal.Signals) -> None:
        if self._process is None:
            return
        self._process.send_signal(how)
        self._process.send_signal(signal.SIGCONT)
        try:
            self._process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._reader.join()
        self._process = None

    def _read(self, process: subprocess.Popen[str], listening: threading.Event) -> None:
        """Read until it ends: a full pipe would make it wait."""
        assert process.stdout
        with process.stdout as output:
            for line in output:
                self.output.append(line)
                if "To see the GUI go to" in line:
                    listening.set()


@contextmanager
def running(comfyui: ComfyUI) -> Iterator[ComfyUI]:
    try:
        comfyui.start()
        yield comfyui
    finally:
        comfyui.stop()


@contextmanager
def running_comfyui(base: Path, *flags: str) -> Iterator[str]:
    """Run the stand-in, and return its address."""
    with running(ComfyUI(base, *flags)) as comfyui:
        yield comfyui.url
