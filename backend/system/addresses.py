"""Where the services of this pod are opened, seen from whoever looks at a page."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from starlette.datastructures import URL

# nginx's ports.
DOORS = {"comfyui": 3001, "code-server": 8081, "jupyter": 8889}
# Who calls the pod so has a tunnel to it, or sits at it: ports are as they are inside.
OWN_MACHINE = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True, kw_only=True)
class Addresses:
    """Knows what hosts tell a pod about the way to it.

    See docs.runpod.io/pods/configuration/expose-ports and docs.vast.ai/documentation/instances/connect/networking.
    """

    # RunPod's proxy gives every port of every pod a host name of its own.
    runpod_pod: str | None
    # By door: the port of the same host that Vast maps to it.
    mapped: Mapping[int, int | None]

    def of(self, services: Iterable[str], page: URL) -> dict[str, str]:
        """By service, where it has a door. `page` is an address of the control plane as the browser has it."""
        return {name: self._address(DOORS[name], page) for name in services if name in DOORS}

    def _address(self, door: int, page: URL) -> str:
        if page.hostname not in OWN_MACHINE:
            if self.runpod_pod:
                return f"https://{self.runpod_pod}-{door}.proxy.runpod.net/"
            door = self.mapped.get(door) or door
        return str(page.replace(port=door, path="/", query="", fragment=""))
