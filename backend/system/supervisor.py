"""Query and control the pod's services through supervisord's Unix socket."""

import http.client
import socket
import xmlrpc.client
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import structlog

from backend.core.errors import Unavailable
from backend.system.models import Action, Service
from backend.system.process_memory import memory_of

log = structlog.get_logger(__name__)


# Queries are fast; stopping may take until the stop timeout of the service.
QUERY_SECONDS = 2.0
ACT_SECONDS = 10.0
GROUP = "pod"
TITLES = {
    "dashboard": "Control plane",
    "nginx": "nginx",
    "comfyui": "ComfyUI",
    "code-server": "code-server",
    "jupyter": "JupyterLab",
    "sshd": "SSH",
    "agents": "Assistant",
}
# The public ports of the pod, where nginx listens (sshd itself for SSH).
PORTS = {"nginx": 8001, "comfyui": 3001, "code-server": 8081, "jupyter": 8889, "sshd": 22}
ALL_ACTIONS = (Action.START, Action.STOP, Action.RESTART)
# They end when they have nothing to do, and are listed while they run.
ON_DEMAND = frozenset({"agents"})
# Without these two, no page is left that could start them again.
RESTRICTED: dict[str, tuple[Action, ...]] = {"nginx": (), "dashboard": (Action.RESTART,)}
POSSIBLE = {
    "running": (Action.RESTART, Action.STOP),
    "starting": (Action.RESTART, Action.STOP),
    "backoff": (Action.RESTART, Action.STOP),
    "stopping": (),
}
# supervisord's fault codes for a service that is already in the requested state.
ALREADY_STARTED, NOT_RUNNING = 60, 70


class Supervisor:
    """A client of supervisord. Its calls block briefly."""

    def __init__(self, socket_path: Path):
        self._socket_path = socket_path

    def services(self) -> list[Service]:
        """Return every program that has been started in this pod and is to run; none without a supervisor."""
        if not self._socket_path.exists():
            return []
        try:
            with self._connect(QUERY_SECONDS) as server:
                programs: Any = server.supervisor.getAllProcessInfo()
        except (OSError, http.client.HTTPException, xmlrpc.client.Error):
            return []
        started = [entry for entry in programs if entry["start"] and not _rests(entry)]
        memory = memory_of(pid for entry in started if (pid := entry.get("pid", 0)))
        return [_service(entry, memory.get(entry.get("pid", 0))) for entry in started]

    def hide(self, secrets: Iterable[str]) -> None:
        """Ask supervisord to mask these in the container's log (scripts/supervisor/pod.py)."""
        if not self._socket_path.exists():
            return
        try:
            with self._connect(QUERY_SECONDS) as server:
                server.pod.hide(list(secrets))
        except (OSError, http.client.HTTPException, xmlrpc.client.Error):
            log.warning("saved tokens are not masked in the container's log: the supervisor does not answer")

    def act(self, name: str, action: Action) -> None:
        """Request `action` and return once it has begun. Raise Unavailable when supervisord rejects it or does not answer."""
        try:
            with self._connect(ACT_SECONDS) as server:
                if action == Action.STOP:
                    server.pod.cancel_restart(name)  # of a service that is down already
                self._request(server.supervisor, f"{GROUP}:{name}", action)
        except (OSError, http.client.HTTPException):
            raise Unavailable(
                "The supervisor of this pod does not answer. Restart the pod if this persists."
            ) from None
        except xmlrpc.client.Fault as fault:
            log.warning("supervisor refused", service=name, action=action, fault=fault.faultString)
            raise Unavailable(f"{TITLES.get(name, name)} did not {action}: {fault.faultString}.") from None

    def _request(self, supervisor: Any, program: str, action: Action) -> None:
        if program == f"{GROUP}:dashboard":
            # This is our own process: end it, and supervisord starts it again.
            supervisor.signalProcess(program, "TERM")
            return
        if action != Action.START:
            with _ignoring_fault(NOT_RUNNING):
                supervisor.stopProcess(program)
        if action != Action.STOP:
            with _ignoring_fault(ALREADY_STARTED):
                supervisor.startProcess(program, False)  # do not wait until it counts as running

    def _connect(self, timeout: float) -> xmlrpc.client.ServerProxy:
        return xmlrpc.client.ServerProxy(
            "http://supervisor/RPC2", transport=_UnixTransport(self._socket_path, timeout)
        )


def _rests(entry: dict[str, Any]) -> bool:
    """Return whether a service that runs on demand has ended as it should."""
    return (
        entry["name"] in ON_DEMAND and entry["statename"] in ("STOPPED", "EXITED") and not entry["exitstatus"]
    )


def _service(entry: dict[str, Any], memory: int | None) -> Service:
    name, state = entry["name"], entry["statename"].lower()
    allowed = RESTRICTED.get(name, ALL_ACTIONS)
    return Service(
        name=name,
        title=TITLES.get(name, name),
        state=state,
        description=entry["description"],
        started_at=datetime.fromtimestamp(entry["start"], UTC) if state in ("running", "starting") else None,
        memory=memory,
        port=PORTS.get(name),
        allowed=allowed,
        possible=tuple(action for action in POSSIBLE.get(state, (Action.START,)) if action in allowed),
    )


@contextmanager
def _ignoring_fault(code: int) -> Iterator[None]:
    try:
        yield
    except xmlrpc.client.Fault as fault:
        if fault.faultCode != code:
            raise


class _UnixTransport(xmlrpc.client.Transport):
    def __init__(self, path: Path, timeout: float):
        super().__init__()
        self._path = path
        self._timeout = timeout

    def make_connection(self, host: Any) -> http.client.HTTPConnection:
        return _UnixConnection(host, self._path, self._timeout)


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, host: str, path: Path, timeout: float):
        super().__init__(host, timeout=timeout)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        try:
            self.sock.connect(str(self._path))
        except OSError:
            self.close()
            raise
