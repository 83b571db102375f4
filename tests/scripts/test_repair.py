"""A package of the image is uninstalled in the venv on the volume."""

import subprocess
from pathlib import Path

from uv import find_uv_bin

from scripts.workspace.layout import Layout
from tests.image.support.standins import write_wheel
from tests.scripts.conftest import LOCK_ID, SITE_PACKAGES, start

RECORD = "".join(f"torch-2.13.0.dist-info/{name},,\n" for name in ("METADATA", "RECORD"))


def venv_of(layout: Layout) -> Path:
    return layout.venvs / LOCK_ID


def uv(layout: Layout, *arguments: str) -> str:
    command = [find_uv_bin(), "pip", *arguments, "--python", str(venv_of(layout) / "bin/python")]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def test_a_package_that_was_uninstalled_is_there_after_the_next_start(layout: Layout) -> None:
    start(layout)
    record = venv_of(layout) / SITE_PACKAGES / "torch-2.13.0.dist-info"
    (record / "RECORD").write_text(RECORD)
    uv(layout, "uninstall", "torch")
    assert not record.exists()
    (venv_of(layout) / "bin/tool").unlink()
    report = start(layout).report
    assert report["notes"] == [
        "These packages belong to the image and were uninstalled; they are back: torch."
    ]
    assert "torch==2.13.0" in uv(layout, "freeze")
    assert (venv_of(layout) / "bin/tool").read_text() == f"#!{venv_of(layout)}/bin/python\n"
    assert start(layout).report["notes"] == []


def test_another_version_that_the_user_installed_stays(layout: Layout, tmp_path: Path) -> None:
    start(layout)
    wheel = write_wheel(tmp_path, "torch", "9.0", "")
    command = ["install", "--no-deps", "--no-index", str(wheel)]
    record = venv_of(layout) / SITE_PACKAGES / "torch-2.13.0.dist-info"
    (record / "RECORD").write_text(RECORD)
    uv(layout, *command)
    assert start(layout).report["notes"] == []
    (installed,) = uv(layout, "freeze").splitlines()
    assert installed.startswith("torch @ ")
