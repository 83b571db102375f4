"""Run a ComfyUI as its own process: the stand-in, or a real one from its source."""

import shutil
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from tests.support.process import ServerProcess, executed

MAIN = Path(__file__).parent / "tree" / "main.py"
TEST_NODES = Path(__file__).parent / "test_nodes"


class ComfyUI(ServerProcess):
    """A ComfyUI that can be stopped, killed and restarted on the same port.

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
        super().__init__("ComfyUI", "To see the GUI go to")
        self.base = base
        self._command = [python, str(main), "--cpu", "--port", str(self.port), "--base-directory", str(base)]
        self._command += flags
        self._environment = environment or {}
        for folder in ("custom_nodes", "models/vae", "user"):
            (base / folder).mkdir(parents=True, exist_ok=True)

    def with_test_nodes(self) -> "ComfyUI":
        """Install the node types that are slow, fail, crash, or show what they are asked to."""
        shutil.copytree(TEST_NODES, self.base / "custom_nodes" / "test-nodes", dirs_exist_ok=True)
        return self

    def start(self) -> None:
        """Return once it listens."""
        self.launch(executed(self._command, self._environment))
        self._wait_until_it_answers()

    def _wait_until_it_answers(self) -> None:
        """Bridge the moment between the line and listening. One that is made to crash may have ended by then."""
        with httpx.Client(timeout=60, trust_env=False) as client:
            while self.process.poll() is None:
                try:
                    client.get(f"{self.url}/prompt")
                except httpx.TransportError:
                    time.sleep(0.02)
                else:
                    return

    def stop(self) -> None:
        self.end(signal.SIGTERM)

    def kill(self) -> None:
        """End it as a crash does: nothing is cleaned up, and connections break."""
        self.end(signal.SIGKILL)

    def pause(self) -> None:
        """Stop its threads, so that it holds its connections and answers nothing."""
        self.process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        self.process.send_signal(signal.SIGCONT)


@contextmanager
def running(comfyui: ComfyUI) -> Iterator[ComfyUI]:
    try:
        comfyui.start()
        yield comfyui
    finally:
        comfyui.stop()


@contextmanager
def running_comfyui(base: Path, *flags: str) -> Iterator[str]:
    """Run the stand-in, and yield its address."""
    with running(ComfyUI(base, *flags)) as comfyui:
        yield comfyui.url
