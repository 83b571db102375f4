"""The owner opens a shell in a pod: every kind of shell has the environment of ComfyUI."""

import shutil
import subprocess

from scripts.workspace.layout import Layout
from scripts.workspace.persistence import CACHES, IMAGE_CACHE
from tests.scripts.conftest import LOCK_ID, start
from tests.scripts.test_unusable_volume import break_volume

DEBIAN_PATH = "/usr/local/bin:/usr/bin:/bin"


def shell(layout: Layout, command: str, **environment: str) -> str:
    """Run a command in a shell that has read the profile."""
    code = f". {layout.profile}; {command}"
    variables = {"PATH": DEBIAN_PATH, **environment}
    done = subprocess.run(["sh", "-euc", code], env=variables, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_a_shell_has_comfyuis_python_caches_and_tokens(layout: Layout) -> None:
    start(layout, HF_TOKEN="hf_it's mine", TZ="Europe/Berlin", ACCESS_PASSWORD="secret")
    venv = layout.venvs / LOCK_ID
    assert shell(layout, "command -v python") == str(venv / "bin/python")
    assert shell(layout, "echo $VIRTUAL_ENV $TZ") == f"{venv} Europe/Berlin"
    assert shell(layout, 'echo "$HF_TOKEN"') == "hf_it's mine"
    for name, folder in CACHES.items():
        assert shell(layout, f"echo ${name}") == str(layout.cache / folder)
    assert "secret" not in layout.profile.read_text()
    assert layout.profile.stat().st_mode & 0o777 == 0o600


def test_variables_of_the_caller_stay(layout: Layout) -> None:
    start(layout)
    mine = {"HF_HOME": "/mine", "HF_TOKEN": "mine", "PATH": f"/my/venv/bin:{layout.venvs / LOCK_ID}/bin:/bin"}
    assert shell(layout, 'echo "$HF_HOME $HF_TOKEN $PATH"', **mine) == " ".join(mine.values())


def test_a_value_that_the_owner_sets_for_the_pod_stays(layout: Layout) -> None:
    started = start(layout, HF_HOME="/large/disk")
    assert started.environment["HF_HOME"] == "/large/disk"
    assert "HF_HOME" not in layout.profile.read_text()


def test_the_images_own_defaults_follow_the_workspace(layout: Layout) -> None:
    """The image sets HF_HOME for /workspace, and the volume of this pod cannot be used."""
    start(layout)
    break_volume(layout)
    defaults = {name: str(IMAGE_CACHE / folder) for name, folder in CACHES.items()}
    started = start(layout, **defaults)
    for name, folder in CACHES.items():
        assert started.environment[name] == str(layout.scratch / ".comfypod/cache" / folder)
        assert shell(layout, f"echo ${name}", **defaults) == started.environment[name]


def test_without_a_usable_place_a_shell_has_the_usual_one(layout: Layout) -> None:
    start(layout)
    break_volume(layout)
    layout.scratch.parent.mkdir(exist_ok=True)
    layout.scratch.write_text("a file in its place")
    assert start(layout).exit_code == 1
    assert shell(layout, "echo $VIRTUAL_ENV") == str(layout.venv_link)


def test_a_profile_that_cannot_be_written_is_named_and_comfyui_starts(layout: Layout) -> None:
    layout.profile.mkdir()
    (layout.profile / "file").touch()
    started = start(layout)
    assert started.exit_code == 0
    assert "Shells of the pod lack its variables" in " ".join(started.report["notes"])
    shutil.rmtree(layout.profile)
