"""A machine installs our locks long after they were made, with the pip that its distribution ships."""

import hashlib
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from uv import find_uv_bin

from tests.image.support.standins import write_wheel

ROOT = Path(__file__).resolve().parents[2]
# What ships with them; None is the newest pip on the index.
PIPS = {
    "Ubuntu 22.04": "22.0.2",
    "Debian 12": "23.0.1",
    "Python 3.11": "23.2.1",
    "Ubuntu 24.04": "24.0",
    "Debian 13": "25.1.1",
    "newest": None,
}


@dataclass(frozen=True, kw_only=True)
class Checkout:
    """The files that `venv.sh` works with, and a folder of wheels in place of an index."""

    root: Path
    index: Path

    def install(self) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [self.root / "scripts/dev/venv.sh", "dev"],
            env={
                "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin",
                "PYTHON": sys.executable,
                "PIP_CONFIG_FILE": "/dev/null",
                "PIP_NO_INDEX": "1",
                "PIP_FIND_LINKS": str(self.index),
            },
            capture_output=True,
            text=True,
            check=False,
        )

    def installed(self) -> dict[str, str]:
        found = (self.root / ".venv").glob("lib/python3*/site-packages/*.dist-info")
        pairs = (info.name.removesuffix(".dist-info").split("-", 1) for info in found)
        return {name: version for name, version in pairs if name in {"measure", "plugin", "reader"}}


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    """`plugin` needs `measure` with an extra. The lock pins the release of `measure` that was the newest then."""
    index = tmp_path / "index"
    index.mkdir()
    extra = "Provides-Extra: toml\nRequires-Dist: reader; extra == 'toml'\n"
    pinned = [
        write_wheel(index, "measure", "1.0", "", extra),
        write_wheel(index, "plugin", "1.0", "", "Requires-Dist: measure[toml]>=1.0\n"),
        write_wheel(index, "reader", "1.0", ""),
    ]
    write_wheel(index, "measure", "1.1", "", extra)
    lock = tmp_path / "checkout/requirements/dev.txt"
    lock.parent.mkdir(parents=True)
    lock.write_text("".join(map(locked, pinned)))
    script = tmp_path / "checkout/scripts/dev/venv.sh"
    script.parent.mkdir(parents=True)
    shutil.copy(ROOT / "scripts/dev/venv.sh", script)
    return Checkout(root=tmp_path / "checkout", index=index)


def locked(wheel: Path) -> str:
    name, version, *_ = wheel.name.split("-")
    return f"{name}=={version} --hash=sha256:{hashlib.sha256(wheel.read_bytes()).hexdigest()}\n"


def prepare_venv(venv: Path, pip: str) -> None:
    """Create the environment beforehand, with that pip in it."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", venv], check=True)
    uv = [find_uv_bin(), "pip", "install", "--quiet", "--python", str(venv / "bin/python"), pip]
    done = subprocess.run(uv, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.skip(f"the index cannot be reached, so {pip} was not tried")


ALL_AS_PINNED = {"measure": "1.0", "plugin": "1.0", "reader": "1.0"}


def test_a_lock_installs_as_pinned_after_a_newer_release(checkout: Checkout) -> None:
    done = checkout.install()
    assert done.returncode == 0, done.stderr
    assert checkout.installed() == ALL_AS_PINNED


@pytest.mark.slow
@pytest.mark.parametrize("version", PIPS.values(), ids=PIPS.keys())
def test_a_lock_installs_as_pinned_with_every_pip(checkout: Checkout, version: str | None) -> None:
    prepare_venv(checkout.root / ".venv", f"pip=={version}" if version else "pip")
    done = checkout.install()
    assert done.returncode == 0, done.stderr
    assert checkout.installed() == ALL_AS_PINNED


def test_a_wheel_that_is_not_the_locked_one_is_refused(checkout: Checkout) -> None:
    write_wheel(checkout.index, "plugin", "1.0", "changed = True\n")
    done = checkout.install()
    assert done.returncode != 0
    assert "DO NOT MATCH THE HASHES" in done.stderr


def test_no_command_resolves_a_lock_again() -> None:
    """With hashes a lock is complete. Resolving it once more finds releases that are newer than the lock."""
    files = [*(ROOT / "scripts").rglob("*.sh"), *(ROOT / ".github").rglob("*.yml"), ROOT / "Dockerfile"]
    commands = [
        command
        for file in files
        for command in re.findall(r"pip install[^\n]*(?:\\\n[^\n]*)*", file.read_text())
        if "--require-hashes" in command
    ]
    assert commands
    assert [command for command in commands if "--no-deps" not in command] == []


def test_the_image_gets_the_manager_that_its_comfyui_names(tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_text("torch\naiohttp")
    (tmp_path / "manager_requirements.txt").write_text("comfyui_manager==4.2.2\n")
    code = f"source {ROOT}/scripts/dev/lock-images.sh; requirements_of_comfyui"
    environment = {"PATH": "/usr/bin:/bin", "COMFYUI_SRC": str(tmp_path)}
    done = subprocess.run(["bash", "-c", code], env=environment, capture_output=True, text=True, check=True)
    managers = [line for line in done.stdout.splitlines() if "manager" in line]
    assert managers == ["comfyui_manager==4.2.2"]


def test_locks_are_compiled_with_the_projects_own_uv() -> None:
    code = f"source {ROOT}/scripts/dev/lock-images.sh; command -v uv"
    environment = {"PATH": "/usr/bin:/bin", "COMFYUI_SRC": "/tree"}
    done = subprocess.run(["bash", "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == str(ROOT / ".venv/bin/uv")
