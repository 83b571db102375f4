"""Before a release, each pinned package is looked up on its index."""

import functools
import hashlib
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import quote

import pytest
from uv import find_uv_bin

from tests.image.support.standins import write_wheel

ROOT = Path(__file__).resolve().parents[2]
BAKE = {"target": {"minimal-12-8": {"args": {"ACCELERATOR": "12-8", "TORCH_INDEX": ""}}}}


@dataclass(frozen=True, kw_only=True)
class Index:
    """A package index on loopback, as PEP 503 describes it."""

    folder: Path
    url: str

    def add(self, name: str, version: str) -> str:
        """Publish a wheel, and return its hash."""
        project = self.folder / name
        project.mkdir()
        wheel = write_wheel(project, name, version, "")
        sha256 = hashlib.sha256(wheel.read_bytes()).hexdigest()
        (project / "index.html").write_text(f'<a href="{quote(wheel.name)}#sha256={sha256}">{wheel.name}</a>')
        return sha256


@pytest.fixture
def index(tmp_path: Path) -> Iterator[Index]:
    folder = tmp_path / "index"
    folder.mkdir()
    handler = functools.partial(QuietHandler, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield Index(folder=folder, url=f"http://127.0.0.1:{server.server_port}")
        server.shutdown()
        thread.join()


class QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name in the standard library
        pass


@pytest.fixture
def locks(tmp_path: Path) -> Path:
    folder = tmp_path / "locks"
    folder.mkdir()
    return folder


def check(locks: Path, index: Index) -> subprocess.CompletedProcess[str]:
    environment = {
        "PATH": f"{Path(find_uv_bin()).parent}:/usr/bin:/bin",
        "UV_DEFAULT_INDEX": index.url,
        "UV_NO_CONFIG": "1",
        "UV_NO_CACHE": "1",
    }
    command = [sys.executable, str(ROOT / "scripts/dev/check_pins.py"), str(locks)]
    bake = json.dumps(BAKE)
    return subprocess.run(command, input=bake, env=environment, capture_output=True, text=True, check=False)


def test_pins_that_can_be_downloaded_pass(locks: Path, index: Index) -> None:
    sha256 = index.add("package", "1.0")
    index.add("torch", "2.11.0+cu128")
    (locks / "comfyui.txt").write_text(f"package==1.0 --hash=sha256:{sha256}\n")
    (locks / "torch-12-8.txt").write_text("torch==2.11.0+cu128\n")
    done = check(locks, index)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_release_without_wheels_for_the_accelerator_is_named(locks: Path, index: Index) -> None:
    index.add("torch", "2.11.0+cu128")
    (locks / "torch-12-8.txt").write_text("torch==2.13.0+cu128\n")
    done = check(locks, index)
    assert done.returncode == 1
    assert done.stderr.startswith("torch-12-8.txt: ")
    assert "torch==2.13.0+cu128" in done.stderr


def test_the_images_sageattention_is_among_the_pins_that_are_looked_up(locks: Path, index: Index) -> None:
    shipped = (ROOT / "images/locks/standard.txt").read_text()
    (pin,) = re.findall(r"^sageattention==.*(?:\n    .*)+", shipped, re.MULTILINE)
    (locks / "standard.txt").write_text(pin + "\n")
    done = check(locks, index)
    assert done.returncode == 1
    assert "standard.txt: " in done.stderr
    assert "sageattention" in done.stderr


def test_a_release_builds_nothing_before_the_pins_are_checked() -> None:
    workflow = (ROOT / ".github/workflows/release.yml").read_text()
    listing = workflow.partition("\n  targets:")[2].partition("\n  image:")[0]
    assert "check_pins.py" in listing
    assert "needs: [test, targets]" in workflow
