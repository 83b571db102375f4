"""Browser addresses of the services of this pod, derived from the address of the requested page."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from starlette.datastructures import URL

# nginx's port for each service.
PORTS = {"comfyui": 3001, "code-server": 8081, "jupyter": 8889}
# Such a host name means a tunnel or a local pod, where ports are not mapped.
OWN_MACHINE = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True, kw_only=True)
class Addresses:
    """Computes addresses from what GPU hosts tell a pod about its public ports.

    See docs.runpod.io/pods/configuration/expose-ports and docs.vast.ai/documentation/instances/connect/networking.
    """

    # RunPod's proxy gives every port of every pod a host name of its own.
    runpod_pod: str | None
    # For each port: the public port of the same host that Vast maps to it.
    mapped: Mapping[int, int | None]

    def of(self, services: Iterable[str], page: URL) -> dict[str, str]:
        """Return the address of each service that has a port. `page` is the control plane's address in the browser."""
        return {name: self._address(PORTS[name], page) for name in services if name in PORTS}

    def _address(self, port: int, page: URL) -> str:
        if page.hostname not in OWN_MACHINE:
            if self.runpod_pod:
                return f"https://{self.runpod_pod}-{port}.proxy.runpod.net/"
            port = self.mapped.get(port) or port
        return str(page.replace(port=port, path="/", query="", fragment=""))
