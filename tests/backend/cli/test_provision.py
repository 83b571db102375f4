"""A user checks and applies a provisioning document from a shell."""

from pathlib import Path

import pytest

from tests.support.command_line import CommandLine

pytestmark = pytest.mark.slow  # the test starts the command several times


def test_a_document_is_checked_applied_and_shown(
    comfypod: CommandLine, workspace: Path, tmp_path: Path
) -> None:
    document = tmp_path / "pod.yaml"
    document.write_text("apt: [libgl1]\npipe: []\n")
    wrong = comfypod.run("provision", "check", str(document))
    assert (wrong.returncode, wrong.stdout) == (1, "")
    assert "pod.yaml, line 2: `pipe` is unknown" in wrong.stderr
    document.write_text("environment: {A: b}\npip: [gguf]\n")
    assert comfypod.run("provision", "check", str(document)).stdout == "environment\tA\npip\tgguf\n"

    assert "There is no document" in comfypod.run("provision", "status").stderr
    assert "Write " in comfypod.run("provision", "run").stderr
    workspace.mkdir(exist_ok=True)
    document.rename(workspace / "provision.yaml")
    ran = comfypod.run("provision", "run")
    assert ran.returncode == 1
    assert "gguf: This machine is not a pod" in ran.stderr
    assert "pip\tfailed\tgguf" in comfypod.run("provision", "status").stdout
