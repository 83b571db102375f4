"""One document brings a new pod, and every later one on its volume, to the same state."""

import hashlib
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.image.support.container import docker
from tests.image.support.pod import Pod
from tests.image.support.standins import write_wheel
from tests.support.git_repository import GitRepository
from tests.support.hub import Hub, running_hub
from tests.support.hub.formats import safetensors

pytestmark = pytest.mark.slow

ON_HOST = ("--network", "host")
PROVISION_SECONDS = 120
PRESET = """\
title: A stand-in
category: Tests
files:
  - {{folder: checkpoints, filename: model.safetensors, url: "{url}", sha256: {sha256}}}
"""


@pytest.fixture
def hub() -> Iterator[Hub]:
    with running_hub() as running:
        yield running


class Sources:
    """Stand-ins for Debian's archive, the Python index, a git server and a hub, in one folder that a pod mounts."""

    def __init__(self, folder: Path, hub: Hub):
        self.folder, self._hub = folder, hub
        folder.mkdir()
        self.node = GitRepository(folder / "ComfyUI-Shapes")
        self._debian()
        write_wheel(folder, "shapes", "1.0", '__version__ = "1.0"\n')
        self.model = self._hub.add("org/model", "model.safetensors", safetensors(50_000))
        self.style = self._hub.add("org/model", "style.safetensors", safetensors(40_000))

    def _debian(self) -> None:
        for name, depends in (("shapes-tool", "Depends: shapes-data\n"), ("shapes-data", "")):
            root = self.folder / "deb" / name
            program = root / "usr/bin" / name
            program.parent.mkdir(parents=True)
            program.write_text("#!/bin/sh\necho shapes\n")
            program.chmod(0o755)
            (root / "DEBIAN").mkdir()
            control = f"Package: {name}\nVersion: 1.0\nArchitecture: all\nMaintainer: T <t@example.com>\n{depends}Description: A stand-in\n"
            (root / "DEBIAN/control").write_text(control)
            package = self.folder / f"{name}_1.0_all.deb"
            subprocess.run(["dpkg-deb", "--build", root, package], check=True, capture_output=True)
            with (self.folder / "Packages").open("a") as index:
                sha256 = hashlib.sha256(package.read_bytes()).hexdigest()
                index.write(
                    f"{control}Filename: ./{package.name}\nSize: {package.stat().st_size}\nSHA256: {sha256}\n\n"
                )
        (self.folder / "sources.list").write_text("deb [trusted=yes] copy:/sources ./\n")
        (self.folder / "apt.conf").write_text(
            'Dir::Etc::sourcelist "/sources/sources.list";\nDir::Etc::sourceparts "-";\n'
        )

    def document(self, commit: str, **more: Any) -> str:
        style = self._hub.url_of(self.style)
        return yaml.safe_dump({
            "apt": ["shapes-tool"],
            "pip": ["shapes==1.0"],
            "nodes": [{"repository": "file:///sources/ComfyUI-Shapes/ComfyUI-Shapes.git", "commit": commit}],
            "presets": ["stand-in"],
            "files": [{"url": style, "destination": "loras/style.safetensors", "sha256": self.style.sha256}],
            "environment": {"SHAPES": "round"},
            **more,
        })  # fmt: skip

    def preset(self) -> str:
        return PRESET.format(url=self._hub.url_of(self.model), sha256=self.model.sha256)

    @property
    def variables(self) -> dict[str, str]:
        return {
            "APT_CONFIG": "/sources/apt.conf",
            "UV_FIND_LINKS": "/sources",
            "UV_NO_INDEX": "1",
            "HF_ENDPOINT": self._hub.url,
            "DOWNLOAD_ALLOWED_HOSTS": self._hub.cdn_url.removeprefix("http://"),
        }

    @property
    def mount(self) -> tuple[str, str]:
        return "--volume", f"{self.folder}:/sources"


@pytest.fixture
def sources(hub: Hub, tmp_path: Path) -> Sources:
    return Sources(tmp_path / "sources", hub)


@pytest.fixture
def volume(tmp_path: Path) -> Iterator[Path]:
    volume = tmp_path / "volume"
    volume.mkdir()
    yield volume
    shutil.rmtree(volume, ignore_errors=True)


def write(volume: Path, sources: Sources, document: str) -> None:
    (volume / "provision.yaml").write_text(document)
    presets = volume / ".comfypod/presets"
    presets.mkdir(parents=True)
    (presets / "stand-in.yaml").write_text(f"id: stand-in\n{sources.preset()}")


def steps_when_over(pod: Pod) -> dict[str, str]:
    """Return the states of the steps once nothing runs any more."""
    deadline = time.monotonic() + PROVISION_SECONDS
    with pod.owner() as owner:
        while time.monotonic() < deadline:
            view = owner.get(f"{pod.dashboard}/api/provisioning").json()
            if view["finished_at"] and not view["running"]:
                assert view["problems"] == []
                messages = [step["message"] for step in view["steps"] if step["message"]]
                assert messages == []
                return {step["kind"]: step["state"] for step in view["steps"]}
            time.sleep(0.2)
    raise AssertionError(f"provisioning does not end:\n{pod.logs()[-4000:]}")


def state_of(pod: Pod) -> str:
    """Return what the document is about, as a shell of the pod sees it."""
    program = (
        'shapes-tool; python -c "import shapes; print(shapes.__version__)"; echo "$SHAPES"; cd /workspace/ComfyUI; '
        "git -C custom_nodes/ComfyUI-Shapes rev-parse HEAD; sha256sum models/loras/* models/checkpoints/*.safetensors"
    )
    return pod.run("bash", "-lc", program)


def test_a_second_pod_on_the_volume_has_the_same_state(
    minimal_cpu: str, sources: Sources, volume: Path
) -> None:
    commit = sources.node.commit({"__init__.py": "NODE_CLASS_MAPPINGS = {}\n"})
    write(volume, sources, sources.document(commit))
    mount = ("--volume", f"{volume}:/workspace")
    with Pod(minimal_cpu, *mount, *sources.mount, variables=sources.variables, network=ON_HOST) as pod:
        pod.wait_until_healthy()
        assert set(steps_when_over(pod).values()) == {"applied"}
        pod.wait_for_comfyui()
        first = state_of(pod)
        assert first.startswith(f"shapes\n1.0\nround\n{commit}\n")
        status = pod.run("comfypod", "provision", "status")
        assert "apt\tapplied\tshapes-tool" in status
        assert pod.run("comfypod", "provision", "check", "/workspace/provision.yaml").startswith(
            "environment"
        )
    with Pod(minimal_cpu, *mount) as pod:  # neither sources nor hub
        pod.wait_until_healthy()
        states = steps_when_over(pod)
        assert states.pop("apt") == "applied"
        assert set(states.values()) == {"unchanged"}
        pod.wait_for_comfyui()
        assert state_of(pod) == first


def test_a_pod_that_is_killed_in_the_middle_continues(
    minimal_cpu: str, sources: Sources, volume: Path
) -> None:
    waits = "import pathlib, time\nprint('install begins', flush=True)\nwhile not pathlib.Path('/sources/go-on').exists():\n    time.sleep(0.1)\n"
    commit = sources.node.commit({"__init__.py": "NODE_CLASS_MAPPINGS = {}\n", "install.py": waits})
    write(volume, sources, sources.document(commit))
    mount = ("--volume", f"{volume}:/workspace")
    pod = Pod(minimal_cpu, *mount, *sources.mount, variables=sources.variables, network=ON_HOST)
    pod.start()
    try:
        pod.wait_for_line("install begins")
        docker("kill", pod.name)
    finally:
        pod.remove()
    assert (volume / ".comfypod/provision/pip.json").exists()
    assert not (volume / "ComfyUI/custom_nodes/ComfyUI-Shapes").exists()
    (sources.folder / "go-on").touch()
    with Pod(minimal_cpu, *mount, *sources.mount, variables=sources.variables, network=ON_HOST) as pod:
        pod.wait_until_healthy()
        states = steps_when_over(pod)
        assert (states["pip"], states["node"], states["apt"]) == ("unchanged", "applied", "applied")
        pod.wait_for_comfyui()
        assert state_of(pod).startswith(f"shapes\n1.0\nround\n{commit}\n")
    nodes = sorted(path.name for path in (volume / "ComfyUI/custom_nodes").iterdir())
    assert nodes == ["ComfyUI-Shapes"]
