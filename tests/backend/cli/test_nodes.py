"""A user manages custom nodes from a shell."""

from pathlib import Path

import pytest

from tests.support.command_line import CommandLine
from tests.support.git_repository import GitRepository

pytestmark = pytest.mark.slow  # the test starts the command several times


def test_a_node_from_install_to_removal(comfypod: CommandLine, tmp_path: Path) -> None:
    repository = GitRepository(tmp_path / "Shapes")
    commit = repository.commit({"__init__.py": "NODE_CLASS_MAPPINGS = {}\n"})
    assert "Installed Shapes." in comfypod.run("nodes", "install", repository.url).stderr
    assert comfypod.run("nodes", "ls").stdout == f"Shapes\tenabled\t{commit[:10]}\t{repository.url}\n"
    failed = comfypod.run("nodes", "install", repository.url)
    assert failed.returncode == 1
    assert "Shapes is installed already" in failed.stderr
    assert "Disabled Shapes." in comfypod.run("nodes", "disable", "Shapes").stderr
    assert "Shapes\tdisabled" in comfypod.run("nodes", "ls").stdout
    assert "Removed Shapes." in comfypod.run("nodes", "remove", "Shapes").stderr
    assert "No custom node is named 'Shapes'" in comfypod.run("nodes", "update", "Shapes").stderr
