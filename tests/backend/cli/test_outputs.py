"""A user fetches outputs in a shell, and tidies up."""

import json
from pathlib import Path

import pytest

from tests.support.comfyui.tree.media import png
from tests.support.command_line import CommandLine

pytestmark = pytest.mark.slow  # the test starts the command several times


def test_outputs_are_listed_fetched_deleted_and_restored(
    comfypod: CommandLine, workspace: Path, tmp_path: Path
) -> None:
    file = workspace / "ComfyUI/output/animals/red fox.png"
    file.parent.mkdir(parents=True)
    file.write_bytes(png(8, 8, 0, {}))
    (file.parent / "dog.mp4").write_bytes(b"video")
    listed = comfypod.run("outputs", "ls", "red", "fox").stdout.splitlines()
    assert [line.split("\t")[0] for line in listed] == ["animals/red fox.png"]
    (video,) = json.loads(comfypod.run("outputs", "ls", "--kind", "video", "--json").stdout)
    assert (video["path"], video["bytes"]) == ("animals/dog.mp4", 5)
    for name in ("red fox.png", "red fox-2.png"):
        comfypod.run("outputs", "get", "animals/red fox.png", "-o", str(tmp_path / "here"))
        assert (tmp_path / "here" / name).read_bytes() == file.read_bytes()
    assert comfypod.run("outputs", "get", "animals/cat.png").returncode == 1

    removed = comfypod.run("outputs", "rm", "animals/red fox.png", "animals/cat.png")
    assert removed.returncode != 0
    assert "Moved animals/red fox.png to the trash." in removed.stderr
    assert "animals/cat.png" in removed.stderr
    assert not file.exists()
    assert comfypod.run("outputs", "restore").stdout.split("\t")[0] == "animals/red fox.png"
    assert "Not in the trash" in comfypod.run("outputs", "restore", "animals/cat.png").stderr
    comfypod.run("outputs", "restore", "animals/red fox.png")
    assert file.exists()
