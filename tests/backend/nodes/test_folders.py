"""The list of custom nodes is read from their folders."""

from pathlib import Path

import pytest

from backend.nodes.folders import read_nodes
from backend.nodes.models import CustomNode, Origin
from tests.support.git_repository import GitRepository, git

PROJECT = '[project]\nname = "shapes"\nversion = "1.2.0"\n'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "custom_nodes"
    folder.mkdir()
    return folder


def read(folder: Path) -> dict[str, CustomNode]:
    return {node.name: node for node in read_nodes(folder, folder.parent / "baked")}


def test_checkouts_are_shown_with_commit_branch_and_repository(folder: Path, tmp_path: Path) -> None:
    repository = GitRepository(tmp_path / "shapes")
    commit = repository.commit({"__init__.py": ""})
    git(folder, "clone", "--quiet", repository.url, "Shapes")
    found = read(folder)["Shapes"]
    assert (found.origin, found.version, found.branch) == (Origin.GIT, commit, "main")
    assert found.repository == repository.url
    git(folder / "Shapes", "pack-refs", "--all")
    assert read(folder)["Shapes"].version == commit
    git(folder / "Shapes", "checkout", "--quiet", "--detach")
    assert (read(folder)["Shapes"].version, read(folder)["Shapes"].branch) == (commit, "")
    git(folder / "Shapes", "remote", "set-url", "origin", "https://user:secret@example.com/shapes")
    assert read(folder)["Shapes"].repository == "https://example.com/shapes"


def test_disabled_ones_have_the_forms_of_comfyui_manager(folder: Path) -> None:
    for path in (
        "one.disabled",
        ".disabled/two@1_2_0",
        ".disabled/three",
        ".disabled/.trash/x",
        ".four.installing.disabled",
    ):
        (folder / path).mkdir(parents=True)
    (folder / "five.py.disabled").touch()
    (folder / "six.py").touch()
    (folder / "example.txt").touch()
    (folder / "__pycache__").mkdir()
    found = {name: node.enabled for name, node in read(folder).items()}
    assert found == {"one": False, "two": False, "three": False, "five.py": False, "six.py": True}


def test_a_node_of_the_registry_and_one_of_the_image(folder: Path) -> None:
    for path in (folder / "shapes", folder.parent / "baked/shapes", folder.parent / "baked/circles"):
        path.mkdir(parents=True)
        (path / "pyproject.toml").write_text(PROJECT)
    (folder / "shapes/.tracking").touch()
    found = read(folder)
    assert (found["shapes"].origin, found["shapes"].version) == (Origin.REGISTRY, "1.2.0")
    assert (found["circles"].origin, found["circles"].version) == (Origin.IMAGE, "1.2.0")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("HEAD", "ref: refs/heads/../../x"),
        ("HEAD", ""),
        ("config", '[remote "origin"\nurl'),
        ("config", "\xff" * 9),
    ],
)
def test_a_damaged_checkout_is_listed(folder: Path, name: str, content: str) -> None:
    git_folder = folder / "Shapes/.git"
    git_folder.mkdir(parents=True)
    (git_folder / name).write_bytes(content.encode("latin-1"))
    assert read(folder)["Shapes"] == CustomNode(name="Shapes", origin=Origin.GIT, enabled=True)
