"""The start of ComfyUI applies a provisioning document: packages, nodes and variables."""

import hashlib
import json
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from scripts.workspace.layout import Layout
from tests.scripts.conftest import ROOT, SERVICE, environment_of, start
from tests.support.git_repository import GitRepository, git
from tests.support.package_index import Index

pytestmark = pytest.mark.slow  # each test builds environments and installs into them

NODE = "NODE_CLASS_MAPPINGS = {}\n"


@pytest.fixture
def index(tmp_path: Path) -> Iterator[Index]:
    index = Index(tmp_path / "index")
    yield index
    index.close()


@pytest.fixture
def repository(tmp_path: Path) -> GitRepository:
    return GitRepository(tmp_path / "ComfyUI-Shapes")


def write(layout: Layout, **document: Any) -> None:
    (layout.workspace / "provision.yaml").write_text(yaml.safe_dump(document))


def report(layout: Layout) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((layout.run / "provision.json").read_text())
    return content


def states(layout: Layout) -> dict[str, str]:
    return {step["key"]: step["state"] for step in report(layout)["steps"]}


def message(layout: Layout, key: str) -> str:
    return next(str(step["message"]) for step in report(layout)["steps"] if step["key"] == key)


def test_a_new_pod_gets_what_the_document_names(
    layout: Layout, index: Index, repository: GitRepository
) -> None:
    index.add("shapes")
    index.add("needed-by-node")
    commit = repository.commit({"__init__.py": NODE, "requirements.txt": "needed-by-node\n"})
    write(
        layout,
        environment={"TILE_SIZE": 512, "TZ": "UTC"},
        pip=["shapes==1.0"],
        nodes=[{"repository": repository.url, "commit": commit}],
        presets=["not-for-the-boot-scripts"],
    )
    started = start(layout, TZ="Europe/Berlin", **index.variables)
    assert states(layout) == {"environment": "applied", "pip": "applied", "node-ComfyUI-Shapes": "applied"}
    assert started.environment["TILE_SIZE"] == "512"
    assert started.environment["TZ"] == "Europe/Berlin"  # the pod's own goes before
    assert "TILE_SIZE=512" in layout.profile.read_text()
    node = layout.comfyui / "custom_nodes/ComfyUI-Shapes"
    assert git(node, "rev-parse", "HEAD") == commit
    program = "import shapes, needed_by_node"
    subprocess.run([started.program, "-c", program], check=True)

    index.close()
    shutil.rmtree(repository.bare)
    assert start(layout).environment["TILE_SIZE"] == "512"
    assert set(states(layout).values()) == {"unchanged"}


def test_a_changed_document_applies_what_has_changed(layout: Layout, repository: GitRepository) -> None:
    first = repository.commit({"__init__.py": NODE})
    write(layout, environment={"A": "1"}, nodes=[{"repository": repository.url, "commit": first}])
    start(layout)
    node = layout.comfyui / "custom_nodes/ComfyUI-Shapes"
    (node / "downloaded.bin").write_text("made by the node")
    second = repository.commit({"__init__.py": f"{NODE}# second\n"})
    write(layout, environment={"A": "1"}, nodes=[{"repository": repository.url, "commit": second}])
    start(layout)
    assert states(layout) == {"environment": "unchanged", "node-ComfyUI-Shapes": "applied"}
    assert git(node, "rev-parse", "HEAD") == second
    assert (node / "downloaded.bin").exists()


def test_a_step_that_fails_is_reported_and_the_others_are_applied(
    layout: Layout, index: Index, repository: GitRepository
) -> None:
    index.add("shapes")
    index.add("torch", "9.0")
    commit = repository.commit({"__init__.py": NODE, "requirements.txt": "no-such-package\n"})
    working = repository.commit({"requirements.txt": "shapes\n"})
    changed = layout.comfyui / "custom_nodes/Mine"
    changed.mkdir(parents=True)
    write(
        layout,
        pip=["shapes", "torch==9.0"],
        nodes=[
            {"repository": repository.url, "commit": commit},
            {"repository": repository.url, "commit": working, "name": "Working"},
            {"repository": repository.url, "commit": working, "name": "Mine"},
            {"repository": f"{repository.url}-gone", "commit": working, "name": "Gone"},
        ],
    )
    started = start(layout, **index.variables)
    assert started.arguments
    assert states(layout) == {
        "pip": "failed",
        "node-ComfyUI-Shapes": "failed",
        "node-Working": "applied",
        "node-Mine": "failed",
        "node-Gone": "failed",
    }
    assert "torch" in message(layout, "pip")
    assert "no-such-package" in message(layout, "node-ComfyUI-Shapes")
    assert "is not a checkout of" in message(layout, "node-Mine")
    assert "git fetch failed" in message(layout, "node-Gone")
    names = sorted(path.name for path in changed.parent.iterdir())
    assert names == ["Mine", "Working"]  # nothing half-made


def test_local_changes_of_a_node_are_not_lost(layout: Layout, repository: GitRepository) -> None:
    first = repository.commit({"__init__.py": NODE})
    write(layout, nodes=[{"repository": repository.url, "commit": first}])
    start(layout)
    code = layout.comfyui / "custom_nodes/ComfyUI-Shapes/__init__.py"
    code.write_text(f"{NODE}# mine\n")
    second = repository.commit({"__init__.py": f"{NODE}# second\n"})
    write(layout, nodes=[{"repository": repository.url, "commit": second}])
    start(layout)
    assert "has local changes" in message(layout, "node-ComfyUI-Shapes")
    assert code.read_text().endswith("# mine\n")


def test_one_that_is_killed_continues_at_the_next_start(
    layout: Layout, index: Index, repository: GitRepository, tmp_path: Path
) -> None:
    index.add("shapes")
    slow = "import pathlib, time\nif not pathlib.Path(%r).exists():\n    print('install begins', flush=True)\n    time.sleep(600)\n"
    commit = repository.commit({"__init__.py": NODE, "install.py": slow % str(tmp_path / "go on")})
    write(layout, pip=["shapes"], nodes=[{"repository": repository.url, "commit": commit}])
    environment = environment_of(layout, **index.variables)
    command = [*SERVICE]
    with subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        assert process.stdout
        assert any("install begins" in line for line in process.stdout)
        os.kill(process.pid, signal.SIGKILL)
        for child in _children_of(layout):
            os.kill(child, signal.SIGKILL)
    assert states(layout) == {"pip": "applied", "node-ComfyUI-Shapes": "running"}
    (tmp_path / "go on").touch()
    start(layout, **index.variables)
    assert states(layout) == {"pip": "unchanged", "node-ComfyUI-Shapes": "applied"}
    assert [path.name for path in (layout.comfyui / "custom_nodes").iterdir()] == ["ComfyUI-Shapes"]


def _children_of(layout: Layout) -> list[int]:
    """Return the install scripts that run in this volume: they outlive a kill of the service alone."""
    found = subprocess.run(["pgrep", "--full", "install.py"], capture_output=True, text=True, check=False)
    return [
        int(pid)
        for pid in found.stdout.split()
        if str(layout.workspace) in str(Path("/proc", pid, "cwd").readlink())
    ]


def test_a_document_with_mistakes_is_named_with_its_lines(layout: Layout) -> None:
    (layout.workspace / "provision.yaml").write_text("pip: [a]\nnodez: []\n")
    assert start(layout).arguments
    (problem,) = report(layout)["problems"]
    assert problem.startswith(
        f"{layout.workspace}/provision.yaml, line 2: `nodez` is unknown. Known here: `apt`"
    )


def test_an_address_needs_the_hash_of_its_content(layout: Layout, index: Index) -> None:
    content = b"environment: {FROM_AN_ADDRESS: 'yes'}\n"
    (index.folder / "pod.yaml").write_bytes(content)
    url = f"{index.variables['UV_DEFAULT_INDEX']}pod.yaml?key=secret"
    start(layout, PROVISION_URL=url)
    assert "PROVISION_URL is not read without PROVISION_SHA256" in report(layout)["problems"][0]
    start(layout, PROVISION_URL=url, PROVISION_SHA256="0" * 64)
    assert "not the one in PROVISION_SHA256" in report(layout)["problems"][0]
    sha256 = hashlib.sha256(content).hexdigest()
    started = start(layout, PROVISION_URL=url, PROVISION_SHA256=sha256)
    assert started.environment["FROM_AN_ADDRESS"] == "yes"
    assert "secret" not in report(layout)["source"]
    index.close()
    assert start(layout, PROVISION_URL=url, PROVISION_SHA256=sha256).environment["FROM_AN_ADDRESS"] == "yes"


def test_safe_mode_applies_nothing(layout: Layout) -> None:
    write(layout, environment={"A": "1"})
    assert "A" not in start(layout, SAFE_MODE="1").environment
    assert not (layout.run / "provision.json").exists()
