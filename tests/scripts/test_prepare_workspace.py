"""A pod starts on whatever volume its owner brings; nothing on it is ever lost."""

import dataclasses
import json
import os
import shutil
import threading
from pathlib import Path

import pytest

from scripts.workspace import lock
from scripts.workspace import prepare as preparing
from scripts.workspace.layout import Layout
from scripts.workspace.lock import LockedElsewhere, volume_lock
from scripts.workspace.prepare import prepare
from scripts.workspace.report import Report
from tests.scripts.conftest import set_lock_id


def ready(layout: Layout) -> Report:
    report = prepare(layout)
    assert (report.state, report.problems) == ("ready", [])
    return report


def snapshot(folder: Path) -> dict[str, str]:
    """Every file and link below a folder, links as their target."""
    return {
        str(path.relative_to(folder)): str(path.readlink()) if path.is_symlink() else path.read_text()
        for path in sorted(folder.rglob("*"))
        if path.is_symlink() or path.is_file()
    }


def fill_from_image(layout: Layout) -> None:
    """What Docker does with a new named volume."""
    shutil.copytree(layout.spare / "ComfyUI", layout.comfyui)
    shutil.copytree(layout.spare / "venv", layout.venv, symlinks=True)


def test_nothing_mounted_changes_nothing(layout: Layout) -> None:
    fill_from_image(layout)
    (layout.comfyui / "main.py").write_text("edited by its owner")
    before = snapshot(layout.workspace)
    assert ready(dataclasses.replace(layout, mounted=False)).case == "unmounted"
    assert snapshot(layout.workspace) == before


def test_a_volume_that_docker_filled_from_the_image_is_left_as_it_is(layout: Layout) -> None:
    fill_from_image(layout)
    before = snapshot(layout.workspace)
    assert ready(layout).case == "unmounted"
    assert snapshot(layout.workspace) == before


def test_a_volume_that_was_filled_from_a_smaller_image_gets_the_packages_of_this_one(layout: Layout) -> None:
    fill_from_image(layout)
    (layout.spare / "venv/lib/python3.13/site-packages/node_needs-1.0.dist-info").mkdir()
    assert ready(layout).case == "foreign"
    assert (layout.venv / "lib/python3.13/site-packages/node_needs-1.0.dist-info").is_dir()


def test_an_empty_volume_gets_real_data_folders_and_links_for_code(layout: Layout) -> None:
    assert ready(layout).case == "empty"
    assert (layout.comfyui / "main.py").readlink() == layout.spare / "ComfyUI" / "main.py"
    assert (layout.comfyui / "comfy" / "samplers.py").read_text() == "steps = 20\n"
    for folder in ("models/checkpoints", "output", "user", "custom_nodes"):
        assert (layout.comfyui / folder).is_dir()
        assert not (layout.comfyui / folder).is_symlink()


def test_the_venv_on_the_volume_borrows_the_images_packages(layout: Layout) -> None:
    ready(layout)
    packages = layout.venv / "lib/python3.13/site-packages"
    assert (packages / "torch-2.13.0.dist-info" / "METADATA").is_file()
    assert not (packages / "torch").exists()
    (borrowed,) = packages.glob("*.pth")
    assert str(layout.spare / "venv/lib/python3.13/site-packages") in borrowed.read_text()


def test_a_second_start_changes_nothing(layout: Layout) -> None:
    ready(layout)
    before = snapshot(layout.workspace)
    assert ready(layout).case == "warm"
    assert snapshot(layout.workspace) == before


def test_what_people_made_survives_a_newer_image_and_the_way_back(layout: Layout) -> None:
    ready(layout)
    model = layout.comfyui / "models/loras/mine.safetensors"
    model.write_text("weights")
    package = layout.venv / "lib/python3.13/site-packages/node_package.py"
    package.write_text("installed by a node")
    set_lock_id(layout, "py3.13-second")
    (layout.spare / "ComfyUI" / "new_module.py").write_text("")
    report = ready(layout)
    assert "kept as venv.py3.13-first" in report.notes[0]
    assert not package.exists()
    assert (layout.comfyui / "new_module.py").is_symlink()
    set_lock_id(layout, "py3.13-first")
    (layout.spare / "ComfyUI" / "new_module.py").unlink()
    ready(layout)
    assert package.read_text() == "installed by a node"
    assert model.read_text() == "weights"
    assert not (layout.comfyui / "new_module.py").is_symlink()


def test_a_volume_of_another_image_is_adopted_and_nothing_is_lost(layout: Layout) -> None:
    theirs = {
        "ComfyUI/main.py": "print('another image')\n",
        "ComfyUI/comfy/samplers.py": "patched by its owner\n",
        "ComfyUI/models/checkpoints/big.safetensors": "weights",
        "ComfyUI/output/picture.png": "art",
        "ComfyUI/custom_nodes/Node/__init__.py": "node",
        "ComfyUI/user/default/workflows/a.json": "{}",
        "ComfyUI/extra_model_paths.yaml": "old: {}",
        "ComfyUI/notes.txt": "my notes",
        "venv/bin/python": "another python",
        "venv/pyvenv.cfg": "home = /elsewhere\n",
        "unrelated/file.txt": "kept",
    }
    for name, content in theirs.items():
        path = layout.workspace / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    report = ready(layout)
    assert report.case == "foreign"
    after = snapshot(layout.workspace)
    for name, content in theirs.items():
        assert content in after.values(), f"{name} was lost"
    for name in ("models/checkpoints/big.safetensors", "output/picture.png", "custom_nodes/Node/__init__.py"):
        assert after[f"ComfyUI/{name}"] == theirs[f"ComfyUI/{name}"]
    assert (layout.comfyui / "main.py").is_symlink()
    assert after["ComfyUI/extra_model_paths.yaml"] == "old: {}"
    assert len(report.notes) == 2


@pytest.mark.parametrize("step", ["lay_out", "bring_up", "adopt_foreign_code"])
def test_a_pod_killed_in_the_middle_is_made_good_by_the_next_start(
    layout: Layout, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    """The step is interrupted after it began: its effects are there, nothing after it happened."""
    layout.comfyui.mkdir()
    (layout.comfyui / "main.py").write_text("another image")
    original = getattr(preparing, step)

    def killed(*arguments: object) -> None:
        original(*arguments)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(preparing, step, killed)
        with pytest.raises(KeyboardInterrupt):
            prepare(layout)
    ready(layout)
    assert (layout.comfyui / "main.py").is_symlink()
    assert (layout.venv / "pyvenv.cfg").is_file()
    assert "another image" in snapshot(layout.workspace).values()
    assert all((layout.comfyui / name).is_symlink() for name in ("main.py", "comfy"))


def test_a_half_made_venv_is_not_taken_for_a_whole_one(layout: Layout) -> None:
    leftover = layout.workspace / ".venv.py3.13-first.making"
    (leftover / "bin").mkdir(parents=True)
    ready(layout)
    assert (layout.venv / "pyvenv.cfg").is_file()
    assert not leftover.exists()


def test_two_pods_at_once_prepare_the_volume_once(layout: Layout) -> None:
    reports: list[Report] = []
    views = [dataclasses.replace(layout, run=layout.run / str(number)) for number in range(4)]
    pods = [threading.Thread(target=lambda view=view: reports.append(prepare(view))) for view in views]
    for pod in pods:
        pod.start()
    for pod in pods:
        pod.join()
    assert [report.state for report in reports] == ["ready"] * 4
    assert (layout.venv / "pyvenv.cfg").is_file()
    assert not list(layout.workspace.glob("*.replaced-*"))


def test_the_lock_of_a_dead_pod_is_taken_over(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody touches it any more, whatever time it bears."""
    monkeypatch.setattr(lock, "STALE_SECONDS", 0.2)
    left_behind = layout.state / "preparing.lock"
    left_behind.mkdir(parents=True)
    ready(layout)
    assert not left_behind.exists()


def test_a_pod_that_holds_the_lock_for_too_long_is_named(tmp_path: Path) -> None:
    with (
        volume_lock(tmp_path / "lock"),
        pytest.raises(LockedElsewhere, match=str(os.getpid())),
        volume_lock(tmp_path / "lock", wait=0),
    ):
        pass


def test_a_volume_that_is_no_folder_is_reported_with_a_remedy(layout: Layout) -> None:
    layout.workspace.rmdir()
    layout.workspace.write_text("a file")
    report = prepare(layout)
    assert report.state == "failed"
    shown = json.loads((layout.run / "workspace.json").read_text())
    assert shown["problems"][0]["remedy"]


def test_a_volume_that_refuses_links_gets_copies(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "symlink_to", refuse)
        patch.setattr(preparing, "bring_up", lambda *_: None)
        assert prepare(layout).state == "ready"
    assert (layout.comfyui / "comfy" / "samplers.py").read_text() == "steps = 20\n"
    assert not (layout.comfyui / "main.py").is_symlink()


def test_a_code_file_that_was_replaced_is_set_aside_and_named(layout: Layout) -> None:
    ready(layout)
    (layout.comfyui / "main.py").unlink()
    (layout.comfyui / "main.py").write_text("patched by its owner")
    (note,) = ready(layout).notes
    assert "ComfyUI.replaced-" in note
    assert (layout.comfyui / "main.py").is_symlink()
    assert "patched by its owner" in snapshot(layout.workspace).values()
