"""Containers that tests start, watch and remove."""

import json
import re
import subprocess
import time
import uuid
from collections.abc import Iterable
from types import TracebackType
from typing import Any, Self

COMPLAINT = re.compile(r"\b(WARN(ING)?|ERROR|CRITICAL|FATAL|Traceback)\b", re.IGNORECASE)


def docker(*arguments: str, check: bool = True) -> str:
    """Run docker and return its output, both streams."""
    done = subprocess.run(
        ["docker", *arguments], check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    if check and done.returncode != 0:
        raise RuntimeError(f"docker {' '.join(arguments)}: {done.stdout.strip()}")
    return done.stdout


class TrackedContainer:
    """A container. Leaving it fails the test if its log has a complaint that the test does not expect.

    `expected` are regular expressions of such lines.
    """

    def __init__(
        self, image: str, *options: str, expected: Iterable[str] = (), command: Iterable[str] = ()
    ) -> None:
        self.image = image
        self.options = options
        self.expected = [re.compile(pattern) for pattern in expected]
        self.command = tuple(command)
        self.name = f"comfypod-test-{uuid.uuid4().hex[:12]}"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        complaints = self.complaints()
        self.remove()
        if kind is None and complaints:
            raise AssertionError("the container's log complains:\n" + "\n".join(complaints))

    def start(self) -> None:
        docker("run", "--detach", "--name", self.name, *self.options, self.image, *self.command)

    def remove(self) -> None:
        docker("rm", "--force", "--volumes", self.name)

    def logs(self) -> str:
        return docker("logs", self.name)

    def complaints(self) -> list[str]:
        lines = [line for line in self.logs().splitlines() if COMPLAINT.search(line)]
        return [line for line in lines if not any(pattern.search(line) for pattern in self.expected)]

    def inspect(self) -> dict[str, Any]:
        facts: dict[str, Any] = json.loads(docker("inspect", self.name))[0]
        return facts

    @property
    def address(self) -> str:
        networks = self.inspect()["NetworkSettings"]["Networks"]
        return str(next(iter(networks.values()))["IPAddress"]) or "127.0.0.1"

    def run(self, *command: str) -> str:
        return docker("exec", self.name, *command)

    def write(self, path: str, content: str) -> None:
        """Write a file and its folders, also on a tmpfs, which `docker cp` does not reach."""
        program = 'mkdir -p "$(dirname "$0")" && cat >"$0"'
        command = ["docker", "exec", "--interactive", self.name, "bash", "-c", program, path]
        subprocess.run(command, input=content, text=True, check=True)

    def stop(self) -> float:
        """Stop the container as a host would, and return the seconds it took."""
        began = time.monotonic()
        docker("stop", "--time", "20", self.name)
        return time.monotonic() - began

    def wait_until_healthy(self, limit_s: float = 60) -> None:
        deadline = time.monotonic() + limit_s
        while time.monotonic() < deadline:
            state = self.inspect()["State"]
            if state["Health"]["Status"] == "healthy":
                return
            if not state["Running"]:
                break
            time.sleep(0.1)
        raise AssertionError(f"not healthy after {limit_s:.0f} s, its log:\n{self.logs()[-4000:]}")


def run_once(image: str, *command: str) -> str:
    """Return the output of a command in a new container that starts no service."""
    return docker("run", "--rm", "--network", "none", "--entrypoint", command[0], image, *command[1:])
