"""A stand-in for supervisord: its XML-RPC protocol on a Unix socket, with programs that change state on request."""

import os
import socketserver
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from xmlrpc.client import Fault
from xmlrpc.server import SimpleXMLRPCDispatcher, SimpleXMLRPCRequestHandler

ALREADY_STARTED, NOT_RUNNING, NO_FILE = 60, 70, 20
RUNNING_STATES = ("RUNNING", "STARTING", "BACKOFF")
UPTIME_SECONDS = 8000


class _Handler(SimpleXMLRPCRequestHandler):
    disable_nagle_algorithm = False

    def address_string(self) -> str:
        return "unix"

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Suppress the access log."""


class _UnixServer(socketserver.UnixStreamServer, SimpleXMLRPCDispatcher):
    def __init__(self, path: Path):
        SimpleXMLRPCDispatcher.__init__(self, allow_none=True)
        socketserver.UnixStreamServer.__init__(self, str(path), _Handler)


class FakeSupervisor:
    """`programs` maps names to states. `calls` lists the received commands."""

    def __init__(self, **programs: str):
        self.programs = {name.replace("_", "-"): state for name, state in programs.items()}
        self.descriptions: dict[str, str] = {}
        self.pids: dict[str, int] = {}
        self.broken: set[str] = set()
        self.calls: list[tuple[str, str]] = []
        self.hidden: set[str] = set()
        self.cancelled: list[str] = []

    def infos(self) -> list[dict[str, Any]]:
        return [
            {
                "name": name,
                "group": "pod",
                "statename": state,
                "description": self.descriptions.get(name, ""),
                "pid": self.pids.get(name, os.getpid()) if state == "RUNNING" else 0,
                "start": 0 if state == "NEVER" else int(time.time()) - UPTIME_SECONDS,
            }
            for name, state in self.programs.items()
        ]

    def start(self, program: str, wait: bool) -> bool:
        name = self._named(program, "start")
        if self.programs[name] in RUNNING_STATES:
            raise Fault(ALREADY_STARTED, f"ALREADY_STARTED: {program}")
        if name in self.broken:
            raise Fault(NO_FILE, f"NO_FILE: {program}")
        self.programs[name] = "RUNNING" if wait else "STARTING"
        return True

    def stop(self, program: str) -> bool:
        name = self._named(program, "stop")
        if self.programs[name] not in RUNNING_STATES:
            raise Fault(NOT_RUNNING, f"NOT_RUNNING: {program}")
        self.programs[name] = "STOPPED"
        return True

    def signal(self, program: str, signal: str) -> bool:
        self._named(program, signal)
        return True

    def hide(self, secrets: list[str]) -> bool:
        self.hidden |= set(secrets)
        return True

    def cancel_restart(self, name: str) -> bool:
        self.cancelled.append(name)
        return True

    def _dispatch(self, method: str, arguments: Any) -> object:
        """Handle a call of the XML-RPC server."""
        methods: dict[str, Callable[..., object]] = {
            "supervisor.getAllProcessInfo": self.infos,
            "supervisor.startProcess": self.start,
            "supervisor.stopProcess": self.stop,
            "supervisor.signalProcess": self.signal,
            "pod.hide": self.hide,
            "pod.cancel_restart": self.cancel_restart,
        }
        return methods[method](*arguments)

    def _named(self, program: str, command: str) -> str:
        name = program.removeprefix("pod:")
        self.calls.append((command, name))
        return name


@contextmanager
def running_supervisor(path: Path, **programs: str) -> Iterator[FakeSupervisor]:
    """Run the stand-in on the Unix socket `path`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fake = FakeSupervisor(**programs)
    with _UnixServer(path) as server:
        server.register_instance(fake)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield fake
        finally:
            server.shutdown()
            thread.join()
