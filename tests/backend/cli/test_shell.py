"""What a shell expects of a command: it starts at once, completes, and ends quietly when its reader closes the pipe."""

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from backend.cli.__main__ import main
from tests.support.command_line import CommandLine
from tests.support.process import ROOT

LAUNCHER = ROOT / "scripts/comfypod.sh"
HEAVY = {"fastapi", "httpx", "pydantic", "sqlite3", "uvicorn", "websockets"}


def completions(command: CommandLine, line: str) -> list[str]:
    words = line.split(" ")
    asked = {"_COMFYPOD_COMPLETE": "complete_bash", "COMP_WORDS": line, "COMP_CWORD": str(len(words) - 1)}
    return command.run(**asked).stdout.split()


def test_help_imports_nothing_heavy() -> None:
    # Coverage imports sqlite3 when it starts in a child process.
    script = "import sys, runpy; sys.argv = ['comfypod', '--help']\ntry: runpy.run_module('backend.cli', run_name='__main__')\nfinally: print(*sys.modules, file=sys.stderr)"
    unmeasured = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE")}
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, env=unmeasured, capture_output=True, text=True, check=True
    )
    assert "presets" in done.stdout
    assert not HEAVY & set(done.stderr.split())


def test_the_launcher_finds_its_python_from_any_folder(tmp_path: Path) -> None:
    link = tmp_path / "comfypod"
    link.symlink_to(LAUNCHER)
    (tmp_path / "httpx.py").write_text("raise SystemExit('not this one')")
    done = subprocess.run([link, "--version"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.split()[0]) == (0, "comfypod")


def test_an_installed_package_brings_the_command() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["scripts"] == {"comfypod": f"backend.cli.__main__:{main.__name__}"}


def test_commands_presets_and_folders_are_completed(comfypod: CommandLine) -> None:
    assert completions(comfypod, "comfypod pre") == ["presets"]
    assert completions(comfypod, "comfypod presets show realesr") == ["realesrgan-x4"]
    assert completions(comfypod, "comfypod download URL --to lo") == ["loras"]


def test_without_a_control_plane_no_ids_are_completed(alone: CommandLine, workspace: Path) -> None:
    assert completions(alone, "comfypod presets show realesr") == []
    assert not workspace.exists()


def test_a_closed_pipe_is_no_error(comfypod: CommandLine) -> None:
    with comfypod.start("presets", "list", "--json") as command:
        assert command.stdout
        command.stdout.readline()
        command.stdout.close()
        assert command.stderr
        assert command.stderr.read() == ""


@pytest.mark.slow
def test_foreign_text_does_not_control_the_terminal(alone: CommandLine, workspace: Path) -> None:
    added = workspace / ".comfypod/presets/evil.yaml"
    added.parent.mkdir(parents=True)
    added.write_text(
        'id: evil\ntitle: "[red]Nice\\e[2J\\tpreset"\ncategory: Test\nfiles:\n'
        "  - {folder: vae, filename: x.safetensors, url: 'https://huggingface.co/a/b/resolve/main/x.safetensors'}\n"
    )
    assert alone.run("presets", "list", "nice").stdout == "evil\tmissing\t–\t[red]Nice [2J preset\n"
    refused = alone.run("presets", "show", "\x1b[2J?")
    assert refused.returncode == 1
    assert "No preset named ' [2J?'" in refused.stderr
    with alone.terminal("presets", "list", "nice") as terminal:
        assert terminal.exit_code() == 0
        assert "[red]Nice [2J preset" in terminal.text
        assert "\x1b[2J" not in terminal.raw
