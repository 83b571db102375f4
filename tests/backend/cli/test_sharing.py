"""A user moves presets between pods from a shell."""

import subprocess
from pathlib import Path

import pytest

from tests.support.command_line import CommandLine
from tests.support.hub import Hub
from tests.support.hub.formats import safetensors

pytestmark = pytest.mark.slow  # each test starts the command several times


def test_a_preset_is_exported_and_imported(comfypod: CommandLine, hub: Hub, tmp_path: Path) -> None:
    ant = hub.add("acme/models", "ant.safetensors", safetensors(200_000))
    comfypod.run("download", hub.url_of(ant), "--to", "loras")
    exported = comfypod.run("presets", "export", "mine", "--title", "Mine")
    assert exported.returncode == 0
    assert ant.sha256 in exported.stdout
    (tmp_path / "mine.yaml").write_text(exported.stdout)
    added = comfypod.run("presets", "import", "mine.yaml")
    assert (added.returncode, added.stdout) == (0, "Added. To download it: comfypod presets install mine\n")
    assert comfypod.run("presets", "list", "mine", "--installed").stdout.startswith("mine\tinstalled")
    (tmp_path / "taken.yaml").write_text(exported.stdout.replace("id: mine", "id: realesrgan-x4"))
    refused = comfypod.run("presets", "import", "taken.yaml")
    assert refused.returncode == 1
    assert "realesrgan-x4" in refused.stderr


def test_an_export_without_files_is_refused(comfypod: CommandLine, models: Path) -> None:
    (models / "vae").mkdir(parents=True, exist_ok=True)
    (models / "vae/own.safetensors").write_bytes(b"mine")
    refused = comfypod.run("presets", "export", "mine")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "vae/own.safetensors is left out: it is unknown where it can be downloaded." in refused.stderr


def test_definitions_are_read_again_and_mistakes_reported(comfypod: CommandLine, workspace: Path) -> None:
    assert comfypod.run("presets", "update").stdout.endswith("presets, 0 added, 0 removed.\n")
    bad = workspace / ".comfypod/presets/bad.yaml"
    bad.parent.mkdir(parents=True, exist_ok=True)
    bad.write_text("id: bad\n")
    reported = comfypod.run("presets", "update")
    assert reported.returncode == 1
    assert "bad.yaml, line 1: title: Field required" in reported.stderr


def test_a_preset_is_imported_from_standard_input(comfypod: CommandLine) -> None:
    with comfypod.start("presets", "import", "-", stdin=subprocess.PIPE) as command:
        _, complaints = command.communicate("no preset", timeout=60)
    assert command.returncode == 1
    assert "preset" in complaints
