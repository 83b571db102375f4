"""In MODE=worker nginx opens the port of the API alone."""

from pathlib import Path

import httpx
import pytest

from tests.support.control_plane import ControlPlane
from tests.support.nginx import running_nginx


@pytest.mark.parametrize("tls", [{}, {"TLS": "self-signed"}], ids=["plain", "tls"])
async def test_ports_of_services_are_closed(
    tmp_path: Path, pod: ControlPlane, service: int, tls: dict[str, str]
) -> None:
    port = httpx.URL(pod.url).port or 0
    with running_nginx(tmp_path / "nginx", port, service, {"MODE": "worker", **tls}) as addresses:
        async with httpx.AsyncClient(verify=False) as client:
            assert (await client.get(f"{addresses.dashboard}/healthz")).status_code == 200
            with pytest.raises(httpx.ConnectError):
                await client.get(addresses.comfyui)
