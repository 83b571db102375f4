"""The release starts every image first, and refuses one that does not work."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.image.support.bake import ROOT
from tests.image.support.container import docker


def try_image(image: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [ROOT / "scripts/dev/try-image.sh", image], capture_output=True, text=True, check=False
    )


@contextmanager
def changed(image: str, variables: dict[str, str], node: Path | None = None) -> Iterator[str]:
    """Make the same image with another node or with variables."""
    container = docker("create", image).strip()
    name = f"comfypod-test-changed:{os.getpid()}"
    try:
        if node:
            docker("cp", str(node), f"{container}:/workspace/ComfyUI/custom_nodes/")
        changes = [part for key, value in variables.items() for part in ("--change", f"ENV {key}={value}")]
        docker("commit", *changes, container, name)
        yield name
    finally:
        docker("rm", container)
        docker("rmi", name, check=False)


def test_an_image_that_works_passes(minimal_cpu: str) -> None:
    done = try_image(minimal_cpu)
    assert done.returncode == 0, done.stderr
    assert f"{minimal_cpu} works" in done.stderr


def test_an_image_whose_node_is_not_imported_is_refused(minimal_cpu: str, tmp_path: Path) -> None:
    node = tmp_path / "needy"
    node.mkdir()
    (node / "__init__.py").write_text("import what_was_not_locked")
    with changed(minimal_cpu, {}, node) as image:
        done = try_image(image)
    assert done.returncode == 1
    assert "(IMPORT FAILED): /workspace/ComfyUI/custom_nodes/needy" in done.stderr
    assert "a custom node was not imported" in done.stderr


@pytest.mark.parametrize(
    ("variables", "complaint"),
    [
        ({"FAKE_COMFYUI_CRASH": "1"}, "ComfyUI has crashed"),
        ({"TIME_ZONE": "Mars/Olympus"}, "the container has ended"),
    ],
)
def test_an_image_that_does_not_come_up_is_refused(
    minimal_cpu: str, variables: dict[str, str], complaint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WAIT_S", "15")
    with changed(minimal_cpu, variables) as image:
        done = try_image(image)
    assert done.returncode == 1
    assert complaint in done.stderr
