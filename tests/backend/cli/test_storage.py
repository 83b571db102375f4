"""A user frees disk space from a shell."""

from pathlib import Path

import pytest

from tests.support.command_line import CommandLine

pytestmark = pytest.mark.slow  # the test starts the command several times


def test_models_are_listed_and_deleted(comfypod: CommandLine, models: Path) -> None:
    old, kept = models / "loras/old/forgotten #1.safetensors", models / "vae/ae.safetensors"
    for file, size in ((old, 5000), (kept, 9000)):
        file.parent.mkdir(parents=True)
        file.write_bytes(bytes(size))
    lines = comfypod.run("storage", "list").stdout.splitlines()
    assert [line.split("\t")[:2] for line in lines] == [
        ["vae/ae.safetensors", "9.0 kB"],
        ["loras/old/forgotten #1.safetensors", "5.0 kB"],
    ]
    assert "image_z_image_turbo" in lines[0]
    refused = comfypod.run("storage", "delete", "loras/old/forgotten #1.safetensors", "vae/other.safetensors")
    assert refused.returncode == 1
    assert "No model at vae/other.safetensors." in refused.stderr
    assert old.exists()
    deleted = comfypod.run("storage", "delete", "loras/old/forgotten #1.safetensors")
    assert "Deleted loras/old/forgotten #1.safetensors, 5.0 kB." in deleted.stderr
    assert (old.exists(), kept.exists()) == (False, True)
