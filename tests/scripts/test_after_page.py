"""ComfyUI lets the page come first, but does not wait for it for ever."""

import socket
import subprocess
from pathlib import Path

SCRIPT = Path(__file__).parents[2] / "scripts" / "supervisor" / "after_page.sh"
CLOSED_PORT = "/dev/tcp/127.0.0.1/9"


def after_page(command: str, *, cores: int, page: str, wait_s: int) -> list[str]:
    """Return the script's own functions, on a machine with so many cores."""
    return [
        "bash",
        "-c",
        f"source {SCRIPT}; nproc() {{ echo {cores}; }}; PAGE={page} WAIT_S={wait_s}; _main {command}",
    ]


def test_a_service_starts_once_the_page_is_there() -> None:
    with socket.socket() as page:
        page.bind(("127.0.0.1", 0))
        address = f"/dev/tcp/127.0.0.1/{page.getsockname()[1]}"
        needs_the_page = f"bash -c '<{address}'"
        with subprocess.Popen(after_page(needs_the_page, cores=2, page=address, wait_s=60)) as service:
            page.listen()
        assert service.returncode == 0


def test_a_service_starts_without_the_page_in_the_end() -> None:
    command = after_page("echo 'a  b'", cores=2, page=CLOSED_PORT, wait_s=0)
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "a  b\n"


def test_with_many_cores_a_service_starts_at_once() -> None:
    command = after_page("true", cores=64, page=CLOSED_PORT, wait_s=86400)
    assert subprocess.run(command, check=False, timeout=60).returncode == 0
