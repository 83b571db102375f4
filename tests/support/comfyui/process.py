"""Runs the stand-in as its own process, the way a pod runs ComfyUI."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from tests.support.process import free_port

MAIN = Path(__file__).parent / "tree" / "main.py"


@contextmanager
def running_comfyui(base: Path, *flags: str) -> Iterator[str]:
    """Its address. `base` gets the folders that the real one makes at its first start."""
    for folder in ("custom_nodes", "models/vae", "user"):
        (base / folder).mkdir(parents=True, exist_ok=True)
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    command = [sys.executable, str(MAIN), "--cpu", "--port", str(port), "--base-directory", str(base), *flags]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        try:
            assert process.stdout
            assert any("To see the GUI go to" in line for line in process.stdout)
            # The line comes just before it listens, as in the real one; the client's retries bridge that moment.
            with httpx.Client(transport=httpx.HTTPTransport(retries=5)) as client:
                client.get(f"{url}/queue")
            yield url
        finally:
            process.terminate()
