"""A volume that cannot be used: ComfyUI runs without it, and the page says what is wrong and what to do.

Here a file lies in a folder's place. tests/image does the same with volumes that are read-only or full.
"""

import subprocess
from pathlib import Path

import yaml

from scripts.workspace.layout import Layout
from tests.scripts.conftest import SITE_PACKAGES, start


def break_volume(layout: Layout) -> None:
    """ComfyUI's output folder becomes a file."""
    (layout.comfyui / "output").rmdir()
    (layout.comfyui / "output").write_text("not a folder")


def test_comfyui_runs_from_the_image_and_the_page_says_that_nothing_is_kept(layout: Layout) -> None:
    start(layout)
    break_volume(layout)
    started = start(layout)
    assert started.exit_code == 0
    assert started.arguments[0] == str(layout.spare / "ComfyUI" / "main.py")
    assert started.argument("--base-directory") == str(layout.scratch / "ComfyUI")
    assert (started.report["state"], started.report["case"]) == ("ready", "unusable")
    (problem,) = started.report["problems"]
    assert problem["code"] == "not_a_folder"
    assert "nothing that you make now will be kept" in problem["message"]
    assert "Rename the file" in problem["remedy"]


def test_models_nodes_and_packages_of_the_volume_are_used_from_where_they_lie(layout: Layout) -> None:
    start(layout)
    (layout.comfyui / "custom_nodes" / "Node").mkdir()
    (layout.venv_link / SITE_PACKAGES / "node_package.py").write_text("here = True\n")
    break_volume(layout)
    started = start(layout)
    generated = yaml.safe_load(Path(started.argument("--extra-model-paths-config")).read_text())
    bases = {section["base_path"] for section in generated.values()}
    assert {str(layout.comfyui), str(layout.comfyui / "models")} <= bases
    assert generated["volume"]["custom_nodes"] == "custom_nodes"
    subprocess.run([started.program, "-c", "import node_package"], check=True)


def test_workflows_can_be_opened_and_the_volume_stays_as_it_is(layout: Layout) -> None:
    start(layout)
    workflow = layout.comfyui / "user/default/workflows/mine.json"
    workflow.parent.mkdir(parents=True)
    workflow.write_text("{}")
    break_volume(layout)
    before = {path: path.stat().st_mtime_ns for path in layout.workspace.rglob("*")}
    start(layout)
    assert (layout.scratch / "ComfyUI/user/default/workflows/mine.json").read_text() == "{}"
    assert {path: path.stat().st_mtime_ns for path in layout.workspace.rglob("*")} == before


def test_a_volume_that_was_mended_is_used_again(layout: Layout) -> None:
    start(layout)
    break_volume(layout)
    start(layout)
    (layout.comfyui / "output").unlink()
    started = start(layout)
    assert started.report["problems"] == []
    assert started.argument("--base-directory") == str(layout.comfyui)


def test_a_link_to_a_folder_that_is_not_mounted_is_named(layout: Layout) -> None:
    start(layout)
    (layout.comfyui / "models").rename(layout.workspace / "elsewhere")
    (layout.comfyui / "models").symlink_to("/not/mounted")
    (problem,) = start(layout).report["problems"]
    assert problem["code"] == "dangling_link"
    assert "/not/mounted" in problem["message"]


def test_when_even_local_disk_cannot_be_used_both_reasons_are_given(layout: Layout) -> None:
    layout.workspace.rmdir()
    layout.workspace.write_text("a file")
    layout.scratch.parent.mkdir()
    layout.scratch.write_text("a file too")
    started = start(layout)
    assert started.exit_code == 1
    assert started.report["state"] == "failed"
    assert started.problems == ["not_a_folder", "volume_error"]
    assert "Traceback" not in started.output
