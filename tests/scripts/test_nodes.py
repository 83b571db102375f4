"""A user installs, updates, disables and removes custom nodes; each operation succeeds or changes nothing."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts.nodes import folders
from scripts.workspace.layout import Layout
from tests.scripts.conftest import ROOT, environment_of, start
from tests.support.git_repository import GitRepository, git
from tests.support.node_registry import NodeRegistry, running_registry
from tests.support.package_index import Index

pytestmark = pytest.mark.slow  # every operation is a program of its own

NODE = {"__init__.py": "NODE_CLASS_MAPPINGS = {}\n"}


@pytest.fixture
def index(tmp_path: Path) -> Iterator[Index]:
    index = Index(tmp_path / "index")
    yield index
    index.close()


@pytest.fixture
def repository(tmp_path: Path) -> GitRepository:
    return GitRepository(tmp_path / "ComfyUI-Shapes")


@pytest.fixture
def registry() -> Iterator[NodeRegistry]:
    with running_registry() as running:
        yield running


class Nodes:
    """The program that the control plane starts for each operation."""

    def __init__(self, layout: Layout, **variables: str):
        self._environment = environment_of(layout, **variables)
        self.folder = layout.comfyui / "custom_nodes"

    def run(self, *arguments: str) -> str:
        """Return the result, with `FAILED: ` before a failure."""
        command = [sys.executable, "-m", "scripts.nodes", *arguments]
        done = subprocess.run(
            command, cwd=ROOT, env=self._environment, capture_output=True, text=True, check=False
        )
        assert done.stdout, done.stderr
        return ("FAILED: " if done.returncode else "") + done.stdout.splitlines()[-1]

    @property
    def names(self) -> list[str]:
        if not self.folder.exists():
            return []
        return sorted(str(path.relative_to(self.folder)) for path in self._entries())

    def _entries(self) -> Iterator[Path]:
        for path in self.folder.iterdir():
            if path.name == folders.DISABLED:
                yield from path.iterdir()
            else:
                yield path


def test_a_node_from_git_is_installed_updated_disabled_and_removed(
    layout: Layout, index: Index, repository: GitRepository
) -> None:
    index.add("needed")
    first = repository.commit({**NODE, "requirements.txt": "needed\n"})
    nodes = Nodes(layout, **index.variables)
    assert nodes.run("install", repository.url) == "Installed ComfyUI-Shapes."
    assert "is installed already" in nodes.run("install", repository.url)
    subprocess.run([start(layout).program, "-c", "import needed"], check=True)
    node = nodes.folder / "ComfyUI-Shapes"
    second = repository.commit({"__init__.py": "# second\n"})
    assert nodes.run("update", "ComfyUI-Shapes") == "Updated ComfyUI-Shapes."
    assert nodes.run("update", "ComfyUI-Shapes") == "ComfyUI-Shapes is up to date."
    assert git(node, "rev-parse", "HEAD") == second
    assert nodes.run("update", "ComfyUI-Shapes", "--version", first) == "Updated ComfyUI-Shapes."
    assert nodes.run("disable", "ComfyUI-Shapes") == "Disabled ComfyUI-Shapes."
    assert nodes.names == [".disabled/ComfyUI-Shapes"]
    assert nodes.run("disable", "ComfyUI-Shapes") == "FAILED: ComfyUI-Shapes is disabled already."
    assert nodes.run("enable", "ComfyUI-Shapes") == "Enabled ComfyUI-Shapes."
    assert nodes.names == ["ComfyUI-Shapes"]
    assert nodes.run("remove", "ComfyUI-Shapes") == "Removed ComfyUI-Shapes."
    assert nodes.names == []
    assert "No custom node named ComfyUI-Shapes" in nodes.run("remove", "ComfyUI-Shapes")


def test_an_install_or_update_that_fails_changes_nothing(
    layout: Layout, index: Index, repository: GitRepository
) -> None:
    nodes = Nodes(layout, **index.variables)
    bad = repository.commit({**NODE, "requirements.txt": "no-such-package\n"})
    assert "no-such-package" in nodes.run("install", repository.url)
    assert nodes.names == []
    good = repository.commit({"requirements.txt": ""})
    nodes.run("install", repository.url)
    repository.commit({"install.py": "import sys\nprint('no compiler')\nsys.exit(3)\n"})
    failed = nodes.run("update", "ComfyUI-Shapes")
    assert failed == "FAILED: Its install.py failed with exit code 3: no compiler"
    node = nodes.folder / "ComfyUI-Shapes"
    assert (git(node, "rev-parse", "HEAD"), (node / "install.py").exists()) == (good, False)
    assert "no-such-package" in nodes.run("update", "ComfyUI-Shapes", "--version", bad)
    assert git(node, "rev-parse", "HEAD") == good


def test_work_of_the_user_in_a_foreign_checkout_is_not_lost(
    layout: Layout, repository: GitRepository
) -> None:
    repository.commit(NODE)
    nodes = Nodes(layout)
    nodes.folder.mkdir(parents=True)
    git(nodes.folder, "clone", "--quiet", repository.url, "Mine")
    mine = nodes.folder / "Mine"
    newest = repository.commit({"other.py": ""})
    assert nodes.run("update", "Mine") == "Updated Mine."
    assert git(mine, "branch", "--show-current") == "main"
    assert git(mine, "log", "--format=%H", "-1") == newest
    (mine / "__init__.py").write_text("# changed\n")
    assert "has local changes" in nodes.run("update", "Mine")
    assert "has local changes" in nodes.run("remove", "Mine")
    git(mine, "commit", "--quiet", "--all", "--message", "Mine")
    assert "has commits of its own" in nodes.run("update", "Mine")
    assert nodes.run("remove", "Mine", "--force") == "Removed Mine."


def test_a_node_from_the_registry_keeps_its_own_files_when_it_is_updated(
    layout: Layout, registry: NodeRegistry
) -> None:
    registry.add("shapes", "1.0.0", {**NODE, "old.py": ""})
    nodes = Nodes(layout, COMFY_REGISTRY_URL=registry.url)
    assert "The registry has no node circles" in nodes.run("install", "circles")
    assert nodes.run("install", "shapes") == "Installed shapes."
    node = nodes.folder / "shapes"
    assert (node / ".tracking").read_text().splitlines() == ["pyproject.toml", "__init__.py", "old.py"]
    (node / "models").mkdir()
    (node / "models" / "own.bin").write_text("mine")
    registry.add("shapes", "1.1.0", {**NODE, "new.py": ""})
    assert nodes.run("update", "shapes") == "Updated shapes."
    assert nodes.run("update", "shapes") == "shapes is up to date."
    assert (node / "models/own.bin").read_text() == "mine"
    assert sorted(path.name for path in node.glob("*.py")) == ["__init__.py", "new.py"]
    assert nodes.run("disable", "shapes") == "Disabled shapes."
    assert nodes.names == [".disabled/shapes@1_1_0"]
    assert nodes.run("enable", "shapes") == "Enabled shapes."
    assert nodes.run("update", "shapes", "--version", "1.0.0") == "Updated shapes."


def test_an_archive_that_writes_elsewhere_is_refused(layout: Layout, registry: NodeRegistry) -> None:
    registry.add("evil", "1.0.0", {"../outside.py": ""})
    nodes = Nodes(layout, COMFY_REGISTRY_URL=registry.url)
    assert "a file outside its folder" in nodes.run("install", "evil")
    assert nodes.names == []


def test_an_update_that_was_killed_is_completed_by_the_next_operation(
    layout: Layout, registry: NodeRegistry
) -> None:
    registry.add("shapes", "1.0.0", NODE)
    nodes = Nodes(layout, COMFY_REGISTRY_URL=registry.url)
    nodes.run("install", "shapes")
    (nodes.folder / "shapes").rename(nodes.folder / ".shapes.replacing.disabled")
    (nodes.folder / ".disabled" / ".trash" / "shapes-1").mkdir(parents=True)
    assert nodes.run("disable", "shapes") == "Disabled shapes."
    assert nodes.names == [".disabled/shapes@1_0_0"]


@pytest.mark.parametrize("source", ["--upload-pack=x", "../x", "a b", "https://"])
def test_a_source_that_is_none_is_refused(layout: Layout, source: str) -> None:
    assert "FAILED: Give the address" in Nodes(layout).run("install", "--", source)
