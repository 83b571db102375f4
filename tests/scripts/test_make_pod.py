"""`make pod` starts a container; a program of the test stands for Docker and writes down how it was called."""

import subprocess
from itertools import pairwise
from pathlib import Path

import pytest

POD = Path(__file__).resolve().parents[2] / "scripts/dev/pod.sh"


@pytest.mark.parametrize(("variables", "address"), [({}, "127.0.0.1"), ({"BIND": "0.0.0.0"}, "0.0.0.0")])
def test_ports_are_open_on_loopback_unless_bind_says_otherwise(
    tmp_path: Path, variables: dict[str, str], address: str
) -> None:
    docker = tmp_path / "docker"
    docker.write_text('#!/bin/sh\necho "$@"\n')
    docker.chmod(0o755)
    environment = {"PATH": f"{tmp_path}:/usr/bin:/bin", "POD_WORKSPACE": "a-volume"} | variables
    code = f'docker() {{ {docker} "$@" >&2; }}; source {POD}; start an-image'
    done = subprocess.run(["bash", "-c", code], env=environment, capture_output=True, text=True, check=True)
    call = done.stderr.split()
    ports = [value for option, value in pairwise(call) if option == "--publish"]
    assert ports == [f"{address}:{port}:{port}" for port in (8001, 3001, 8081, 8889)]
