"""ComfyUI lets the page come first, but does not wait for it for ever."""

import os
import socket
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "scripts" / "supervisor" / "after_page.sh"


@pytest.fixture
def few_cores(tmp_path: Path) -> str:
    """A PATH on which `nproc` says that there are two."""
    (tmp_path / "nproc").write_text("#!/bin/sh\necho 2\n")
    (tmp_path / "nproc").chmod(0o755)
    return f"{tmp_path}{os.pathsep}{os.environ['PATH']}"


def test_a_service_starts_once_the_page_is_there(few_cores: str) -> None:
    with socket.socket() as page:
        page.bind(("127.0.0.1", 0))
        address = f"/dev/tcp/127.0.0.1/{page.getsockname()[1]}"
        environment = {"PATH": few_cores, "PAGE": address, "WAIT_S": "60"}
        command = [str(SCRIPT), "bash", "-c", f"<{address}"]  # fails unless somebody listens
        with subprocess.Popen(command, env=environment) as service:
            page.listen()
        assert service.returncode == 0


def test_a_service_starts_without_the_page_in_the_end(few_cores: str) -> None:
    environment = {"PATH": few_cores, "PAGE": "/dev/tcp/127.0.0.1/9", "WAIT_S": "0"}
    done = subprocess.run(
        [SCRIPT, "echo", "a  b"], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout == "a  b\n"


def test_with_many_cores_nobody_waits(tmp_path: Path, few_cores: str) -> None:
    (tmp_path / "nproc").write_text("#!/bin/sh\necho 64\n")
    environment = {"PATH": few_cores, "PAGE": "/dev/tcp/127.0.0.1/9", "WAIT_S": "86400"}
    assert subprocess.run([SCRIPT, "true"], env=environment, check=False, timeout=60).returncode == 0
