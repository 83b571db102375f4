"""Run nginx with the pod's own configuration on free ports, in front of servers of the test."""

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from scripts.workspace.nginx import configuration
from tests.support.process import ROOT, free_port

NGINX = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")
HAS_IPV6 = Path("/proc/net/if_inet6").exists()
# Debian's folders for large bodies belong to root.
TEMPORARY = "".join(
    f"{kind}_temp_path {{folder}}/{kind};\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
)


class Addresses:
    """The pod's ports on this machine."""

    def __init__(self, ports: dict[int, int], scheme: str):
        self.dashboard = f"{scheme}://127.0.0.1:{ports[8001]}"
        self.comfyui = f"{scheme}://127.0.0.1:{ports[3001]}"
        self.dashboard_ipv6 = f"{scheme}://[::1]:{ports[8001]}"


class Nginx(Addresses):
    """An nginx that can be stopped and started again on the same ports."""

    def __init__(self, configuration_file: Path, ports: dict[int, int], scheme: str):
        super().__init__(ports, scheme)
        self._command = [NGINX or "", "-e", "stderr", "-c", str(configuration_file), "-g", "daemon off;"]
        self._port = ports[8001]
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Return once it listens."""
        self._process = subprocess.Popen(self._command)
        _wait_until_open(self._process, self._port)

    def stop(self) -> None:
        """End it, which closes its connections."""
        if self._process:
            self._process.terminate()
            self._process.wait()


@contextmanager
def running_nginx(
    folder: Path, dashboard: int, comfyui: int, variables: Mapping[str, str] | None = None
) -> Iterator[Nginx]:
    """Run nginx in front of the loopback ports `dashboard` and `comfyui`, on which the test may listen.

    `variables` are those of the pod: TLS, MODE.
    """
    assert NGINX, "nginx is not installed"
    ports = {port: free_port() for port in (8001, 3001, 8081, 8889)}
    changes = {
        "/opt/comfypod/nginx": str(folder),
        "/opt/comfypod/frontend": str(ROOT / "frontend"),
        "/etc/nginx/comfypod-ipv6": str(folder / ("ipv6" if HAS_IPV6 else "no-ipv6")),
        "/run/nginx.pid": str(folder / "nginx.pid"),
        "user www-data;": "",
        "http {": "http {\n" + TEMPORARY.format(folder=folder),
        "127.0.0.1:8000": f"127.0.0.1:{dashboard}",
        "127.0.0.1:3000": f"127.0.0.1:{comfyui}",
        **{f"listen {port};": f"listen 127.0.0.1:{free};" for port, free in ports.items()},
        **{f"listen [::]:{port};": f"listen [::1]:{free};" for port, free in ports.items()},
    }
    _write_changed(folder, changes)
    main = folder / "nginx.conf"
    if variables:
        run = folder.with_name("run-of-nginx")
        main = configuration(variables, folder, run, run.with_name("state"), run.with_name("volume"))
    nginx = Nginx(main, ports, "https" if "TLS" in (variables or {}) else "http")
    try:
        nginx.start()
        yield nginx
    finally:
        nginx.stop()


def _wait_until_open(process: subprocess.Popen[bytes], port: int) -> None:
    while process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
    raise RuntimeError("nginx does not start; its message is above")


def _write_changed(folder: Path, changes: dict[str, str]) -> None:
    source = ROOT / "nginx"
    texts = {path.relative_to(source): path.read_text() for path in source.rglob("*.conf")}
    for old, new in changes.items():
        assert any(old in text for text in texts.values()), f"no file in nginx/ contains {old}"
        texts = {name: text.replace(old, new) for name, text in texts.items()}
    for name, text in texts.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
