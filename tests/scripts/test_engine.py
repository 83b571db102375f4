"""`engine.sh` looks for a Docker engine on machines that differ: programs of the test stand for apt and Docker."""

import fcntl
import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ENGINE = ROOT / "scripts/dev/engine.sh"
NO_ENGINE = 3


@dataclass(frozen=True, kw_only=True)
class Machine:
    """A machine with its own apt and Docker. Each call of apt-get is a line of `calls`."""

    root: Path

    def add_program(self, name: str, code: str) -> None:
        program = self.root / "bin" / name
        program.write_text(f"#!/bin/bash\n{code}\n")
        program.chmod(0o755)

    def environment(self) -> dict[str, str]:
        return {
            "PATH": f"{self.root / 'bin'}:/usr/bin:/bin",
            "APT_DIR": str(self.root / "apt"),
            "APT_LISTS_LOCK": str(self.root / "lists.lock"),
            "DOCKERD_LOG": str(self.root / "dockerd.log"),
        }

    def run(self, code: str = "main") -> subprocess.CompletedProcess[str]:
        """Run a function of the script."""
        return subprocess.run(
            ["bash", "-c", f"source {ENGINE}; {code}"],
            env=self.environment(),
            capture_output=True,
            text=True,
            check=False,
        )

    @property
    def calls(self) -> list[str]:
        return (self.root / "calls").read_text().splitlines()


@pytest.fixture
def debian_12(tmp_path: Path) -> Machine:
    """Has no docker-buildx of its own; with Debian 13 as a source it has."""
    machine = Machine(root=tmp_path)
    for folder in ("bin", "apt/preferences.d", "apt/sources.list.d"):
        (tmp_path / folder).mkdir(parents=True)
    add_apt(machine)
    machine.add_program("apt-cache", f"ls {tmp_path}/apt/sources.list.d/trixie-docker.sources")
    return machine


def add_apt(machine: Machine, code: str = "exit 0") -> None:
    answers = '[[ "$1" != indextargets ]] || echo http://debian.test/debian trixie Debian Debian'
    machine.add_program("apt-get", f'echo "$@" >>{machine.root}/calls\n{answers}\n{code}')


def add_docker(machine: Machine, version: str) -> None:
    machine.add_program(
        "docker", f'case "$*" in version*) echo {version} ;; *Driver*) echo overlay2 ;; esac; exit 0'
    )


def installed_by(call: str) -> list[str]:
    return re.findall(r"\S*docker\S*", call.partition("install")[2])


def test_on_debian_12_the_engine_comes_from_debian_13(debian_12: Machine) -> None:
    assert debian_12.run("install_engine").returncode == 0
    assert all(package.endswith("/trixie") for package in installed_by(debian_12.calls[-1]))


def test_after_a_first_run_that_failed_it_still_comes_from_debian_13(debian_12: Machine) -> None:
    add_apt(debian_12, '[[ "$*" != *install* ]]')
    assert debian_12.run("install_engine").returncode != 0
    first = installed_by(debian_12.calls[-1])
    add_apt(debian_12)
    assert debian_12.run("install_engine").returncode == 0
    assert installed_by(debian_12.calls[-1]) == first
    assert first
    assert all(package.endswith("/trixie") for package in first)


def test_an_engine_that_is_too_old_is_named(debian_12: Machine) -> None:
    add_docker(debian_12, "20.10.24")
    done = debian_12.run()
    assert done.returncode == NO_ENGINE
    assert "the Docker engine is version 20.10.24; ComfyPod needs 25 or newer" in done.stderr


def test_a_running_engine_is_used(debian_12: Machine) -> None:
    add_docker(debian_12, "26.1.5+dfsg1")
    done = debian_12.run()
    assert (done.returncode, done.stderr) == (0, "engine: uses the running engine (26.1.5+dfsg1, overlay2)\n")


def test_it_waits_until_another_program_is_done_with_apt(debian_12: Machine) -> None:
    lock = debian_12.root / "lists.lock"
    take = f"import fcntl; fcntl.lockf(open('{lock}', 'a'), fcntl.LOCK_EX | fcntl.LOCK_NB)"
    add_apt(debian_12, f'python3 -c "{take}" 2>/dev/null')  # fails as apt does while the lock is taken
    with lock.open("w") as held:
        fcntl.lockf(held, fcntl.LOCK_EX)
        waiting = subprocess.Popen(
            ["bash", "-c", f"source {ENGINE}; apt_get update"],
            env=debian_12.environment() | {"PATH": f"{debian_12.root / 'bin'}:{os.environ['PATH']}"},
            stderr=subprocess.PIPE,
            text=True,
        )
        with waiting:
            assert waiting.stderr
            assert "waiting for another program" in waiting.stderr.readline()
            fcntl.lockf(held, fcntl.LOCK_UN)
    assert waiting.returncode == 0
    assert "DPkg::Lock::Timeout=600 update" in debian_12.calls[-1]
