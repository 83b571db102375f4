"""Start, time and remove pods."""

import http.client
import json
import subprocess
import time
import uuid
from datetime import datetime
from types import TracebackType
from typing import Self

PASSWORD = "benchmark password"
READY = "To see the GUI go to"
LIMIT_SECONDS = 600
LOOK_SECONDS = 0.01


def docker(*arguments: str) -> str:
    done = subprocess.run(["docker", *arguments], check=True, capture_output=True, text=True)
    return done.stdout


class TimedPod:
    """One pod. All times start when the engine has started its first process."""

    def __init__(self, image: str, *options: str):
        self.name = f"comfypod-bench-{uuid.uuid4().hex[:12]}"
        password = ("--env", f"ACCESS_PASSWORD={PASSWORD}")
        docker("create", "--name", self.name, *password, *options, image)

    def __enter__(self) -> Self:
        docker("start", self.name)
        state = json.loads(docker("inspect", self.name))[0]
        self._started = _timestamp(state["State"]["StartedAt"])
        networks = state["NetworkSettings"]["Networks"].values()
        self._address = next((net["IPAddress"] for net in networks if net["IPAddress"]), "127.0.0.1")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        docker("rm", "--force", "--volumes", self.name)

    def seconds_to_dashboard(self) -> float:
        """Wait until nginx serves the control plane's sign-in page; return the time."""
        deadline = time.monotonic() + LIMIT_SECONDS
        while time.monotonic() < deadline:
            if self._answers():
                return time.time() - self._started
            time.sleep(LOOK_SECONDS)
        raise TimeoutError(f"{self.name} did not show its dashboard")

    def seconds_to_comfyui(self) -> float:
        """Wait until ComfyUI logs that it listens; return the time."""
        command = ["docker", "logs", "--follow", "--timestamps", self.name]
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        ) as following:
            assert following.stdout
            line = next((line for line in following.stdout if READY in line), "")
            following.terminate()
        if not line:
            raise RuntimeError(f"ComfyUI did not start:\n{docker('logs', '--tail', '30', self.name)}")
        return _timestamp(line.split()[0]) - self._started

    def seconds_to_stop(self) -> float:
        began = time.monotonic()
        docker("stop", "--time", "20", self.name)
        return time.monotonic() - began

    def _answers(self) -> bool:
        connection = http.client.HTTPConnection(self._address, 8001, timeout=5)
        try:
            connection.request("GET", "/_pod/sign-in")
            return connection.getresponse().status == 200
        except OSError:
            return False
        finally:
            connection.close()


def _timestamp(text: str) -> float:
    """Parse `2026-11-21T08:00:00.123456789Z`, which has more digits than Python accepts."""
    whole, _, digits = text.rstrip("Z").partition(".")
    return datetime.fromisoformat(f"{whole}+00:00").timestamp() + float(f"0.{digits or 0}")
