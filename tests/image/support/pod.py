"""A pod from its owner's side: a container with a sign-in and a log."""

import functools
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager

import httpx

from tests.image.support.container import TrackedContainer, docker

PASSWORD = "container password"
# The supervisor writes these lines at every start and stop.
EXPECTED = (
    r"CRIT Server 'unix_http_server' running without any HTTP authentication",
    r"WARN received SIGTERM",
    r"WARN stopped:",
)


@functools.cache
def own_network() -> tuple[str, ...]:
    """Return options for an own address; where the engine has no bridge, for the host's network."""
    has_bridge = docker("network", "ls", "--quiet", "--filter", "name=^bridge$").strip()
    return () if has_bridge else ("--network", "host")


class Pod(TrackedContainer):
    """`variables` are those of a host's form."""

    def __init__(
        self,
        image: str,
        *options: str,
        variables: Mapping[str, str] | None = None,
        network: Iterable[str] | None = None,
        expected: Iterable[str] = (),
        command: Iterable[str] = (),
    ) -> None:
        chosen = {"ACCESS_PASSWORD": PASSWORD, **(variables or {})}
        environment = [part for name, value in chosen.items() for part in ("--env", f"{name}={value}")]
        where = own_network() if network is None else network
        super().__init__(
            image, *where, *environment, *options, expected=[*EXPECTED, *expected], command=command
        )

    def url(self, port: int) -> str:
        return f"http://{self.address}:{port}"

    @property
    def dashboard(self) -> str:
        return self.url(8001)

    @contextmanager
    def owner(self) -> Iterator[httpx.Client]:
        """Return a client that is signed in on every port."""
        with httpx.Client(timeout=30) as client:
            answer = client.post(f"{self.dashboard}/api/auth/login", json={"password": PASSWORD})
            answer.raise_for_status()
            client.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
            client.cookies.clear()
            yield client

    @contextmanager
    def owner_when_healthy(self) -> Iterator[httpx.Client]:
        self.wait_until_healthy()
        with self.owner() as client:
            yield client

    def wait_for_line(self, *words: str, times: int = 1) -> None:
        """Follow the container's log until `times` lines contain all the words."""
        command = ["docker", "logs", "--follow", self.name]
        found = 0
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        ) as following:
            assert following.stdout
            for line in following.stdout:
                found += all(word in line for word in words)
                if found == times:
                    break
            following.terminate()
        assert found == times, (
            f"the container ended after {found} of {times} lines with {words}:\n{self.logs()[-4000:]}"
        )

    def wait_for_comfyui(self, times: int = 1) -> None:
        self.wait_for_line("To see the GUI go to", times=times)
