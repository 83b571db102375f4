"""A user saves a support bundle from a shell."""

import zipfile
from pathlib import Path

import pytest

from tests.support.command_line import CommandLine

pytestmark = pytest.mark.slow  # the test starts the command twice


def test_a_bundle_is_saved(comfypod: CommandLine, tmp_path: Path) -> None:
    file = tmp_path / "bundle.zip"
    assert comfypod.run("support-bundle", str(file)).returncode == 0
    with zipfile.ZipFile(file) as archive:
        assert "versions.json" in archive.namelist()
    refused = comfypod.run("support-bundle", str(tmp_path / "nowhere/bundle.zip"))
    assert (refused.returncode, "cannot be written" in refused.stderr) == (1, True)
