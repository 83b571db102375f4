"""The services are asked over the supervisor's own protocol."""

import socketserver
import threading
from pathlib import Path
from xmlrpc.server import SimpleXMLRPCDispatcher, SimpleXMLRPCRequestHandler

from backend.system.models import Service
from backend.system.supervisor import Supervisor


class _Handler(SimpleXMLRPCRequestHandler):
    disable_nagle_algorithm = False

    def address_string(self) -> str:
        return "unix"

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """A test's output is no place for an access log."""


class _UnixServer(socketserver.UnixStreamServer, SimpleXMLRPCDispatcher):
    """Speaks XML-RPC on a socket file, as supervisord does."""

    def __init__(self, path: Path):
        SimpleXMLRPCDispatcher.__init__(self, allow_none=True)
        socketserver.UnixStreamServer.__init__(self, str(path), _Handler)


def test_every_program_is_listed_with_its_state(tmp_path: Path) -> None:
    path = tmp_path / "supervisor.sock"
    with _UnixServer(path) as server:
        programs = [{"name": "comfyui", "statename": "BACKOFF", "description": "Exited too quickly"}]
        server.register_function(lambda: programs, "supervisor.getAllProcessInfo")
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            found = Supervisor(path).services()
        finally:
            server.shutdown()
            thread.join()
    assert found == [Service(name="comfyui", state="backoff", description="Exited too quickly")]


def test_without_a_supervisor_there_are_no_services(tmp_path: Path) -> None:
    assert Supervisor(tmp_path / "nothing.sock").services() == []


def test_a_supervisor_that_does_not_answer_is_no_error(tmp_path: Path) -> None:
    path = tmp_path / "supervisor.sock"
    path.touch()
    assert Supervisor(path).services() == []
