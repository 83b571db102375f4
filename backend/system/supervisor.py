"""Asks the supervisor about the pod's services, over its unix socket."""

import http.client
import socket
import xmlrpc.client
from pathlib import Path
from typing import Any

from backend.system.models import Service

TIMEOUT_SECONDS = 2.0


class Supervisor:
    """A client of supervisord. Its calls block briefly."""

    def __init__(self, socket_path: Path):
        self._socket_path = socket_path

    def services(self) -> list[Service]:
        """Every program; empty where no supervisor runs, as on a developer's machine."""
        if not self._socket_path.exists():
            return []
        try:
            with self._connect() as server:
                programs: Any = server.supervisor.getAllProcessInfo()
        except (OSError, http.client.HTTPException, xmlrpc.client.Error):
            return []
        return [
            Service(name=entry["name"], state=entry["statename"].lower(), description=entry["description"])
            for entry in programs
        ]

    def _connect(self) -> xmlrpc.client.ServerProxy:
        return xmlrpc.client.ServerProxy(
            "http://supervisor/RPC2", transport=_UnixTransport(self._socket_path)
        )


class _UnixTransport(xmlrpc.client.Transport):
    def __init__(self, path: Path):
        super().__init__()
        self._path = path

    def make_connection(self, host: Any) -> http.client.HTTPConnection:
        return _UnixConnection(host, self._path)


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, host: str, path: Path):
        super().__init__(host, timeout=TIMEOUT_SECONDS)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        try:
            self.sock.connect(str(self._path))
        except OSError:
            self.close()
            raise
