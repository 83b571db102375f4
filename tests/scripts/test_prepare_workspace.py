"""A pod starts on whatever volume its owner brings; nothing on it is ever lost."""

import dataclasses
import shutil
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from backend.core import volume_lock
from scripts.workspace import prepare as preparing
from scripts.workspace.layout import Layout
from scripts.workspace.prepare import prepare
from scripts.workspace.report import Report
from tests.scripts.conftest import LOCK_ID, SITE_PACKAGES, fill_from_image, set_lock_id, start


def ready(layout: Layout) -> Report:
    report, place = prepare(layout)
    assert (report.state, report.problems) == ("ready", [])
    assert place
    assert place.venv.joinpath("pyvenv.cfg").is_file()
    return report


def venv_of(layout: Layout, lock_id: str = LOCK_ID) -> Path:
    return layout.venvs / lock_id


def snapshot(folder: Path) -> dict[str, str]:
    """Return every file and link below a folder, links as their target."""
    return {
        str(path.relative_to(folder)): str(path.readlink()) if path.is_symlink() else path.read_text()
        for path in sorted(folder.rglob("*"))
        if path.is_symlink() or path.is_file()
    }


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


def test_a_volume_that_docker_filled_from_another_version_keeps_that_ones_packages(layout: Layout) -> None:
    fill_from_image(layout)
    package = layout.venv_link / SITE_PACKAGES / "node_package.py"
    package.write_text("installed by a node")
    set_lock_id(layout, "py3-second")
    assert ready(layout).case == "foreign"
    assert layout.venv_link.readlink() == Path(".comfypod/venvs/py3-second")
    set_lock_id(layout, LOCK_ID)
    assert ready(layout).case == "warm"
    assert (layout.venv_link / SITE_PACKAGES / "node_package.py").read_text() == "installed by a node"
    assert (layout.venv_link / "bin" / "tool").read_text() == f"#!{venv_of(layout)}/bin/python\n"


def test_an_empty_volume_gets_real_data_folders_and_links_for_code(layout: Layout) -> None:
    assert ready(layout).case == "empty"
    assert (layout.comfyui / "main.py").readlink() == layout.spare / "ComfyUI" / "main.py"
    assert (layout.comfyui / "comfy" / "cli_args.py").is_file()
    for folder in ("models/checkpoints", "output", "user", "custom_nodes"):
        assert (layout.comfyui / folder).is_dir()
        assert not (layout.comfyui / folder).is_symlink()


def test_the_venv_on_the_volume_borrows_the_images_packages(layout: Layout) -> None:
    ready(layout)
    packages = layout.venv_link / SITE_PACKAGES
    assert (packages / "torch-2.13.0.dist-info" / "METADATA").is_file()
    assert not (packages / "torch").exists()
    (borrowed,) = packages.glob("*.pth")
    assert str(layout.spare / "venv" / SITE_PACKAGES) in borrowed.read_text()


def test_the_venv_of_a_lock_id_is_run_by_its_own_path_and_linked_for_people(layout: Layout) -> None:
    started = start(layout)
    assert started.exit_code == 0
    assert started.program == str(venv_of(layout) / "bin" / "python")
    assert started.environment["VIRTUAL_ENV"] == str(venv_of(layout))
    assert layout.venv_link.resolve() == venv_of(layout)
    assert (layout.venv_link / "bin" / "tool").read_text() == f"#!{venv_of(layout)}/bin/python\n"


def test_two_image_versions_on_one_volume_leave_each_others_venv_alone(layout: Layout) -> None:
    ready(layout)
    first = snapshot(venv_of(layout))
    set_lock_id(layout, "py3-second")
    assert start(layout).program == str(venv_of(layout, "py3-second") / "bin" / "python")
    assert layout.venv_link.resolve() == venv_of(layout, "py3-second")
    assert snapshot(venv_of(layout)) == first


def test_a_second_start_changes_nothing(layout: Layout) -> None:
    ready(layout)
    before = snapshot(layout.workspace)
    assert ready(layout).case == "warm"
    assert snapshot(layout.workspace) == before


def test_what_people_made_survives_a_newer_image_and_the_way_back(layout: Layout) -> None:
    ready(layout)
    model = layout.comfyui / "models/loras/mine.safetensors"
    model.write_text("weights")
    package = layout.venv_link / SITE_PACKAGES / "node_package.py"
    package.write_text("installed by a node")
    set_lock_id(layout, "py3-second")
    (layout.spare / "ComfyUI" / "new_module.py").write_text("")
    ready(layout)
    assert not package.exists()
    assert (layout.comfyui / "new_module.py").is_symlink()
    set_lock_id(layout, LOCK_ID)
    ready(layout)
    assert package.read_text() == "installed by a node"
    assert model.read_text() == "weights"


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


@pytest.mark.parametrize("step", ["lay_out", "_open_venv", "move_foreign_code"])
def test_the_next_start_completes_one_that_was_killed(
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
    report = ready(layout)
    (replaced,) = (path.name for path in layout.workspace.glob("ComfyUI.replaced-*"))
    assert report.notes == [
        f"Files of another image are kept as {replaced}; delete it when you no longer need them."
    ]
    assert (layout.comfyui / "main.py").is_symlink()
    assert "another image" in snapshot(layout.workspace).values()
    assert all((layout.comfyui / name).is_symlink() for name in ("main.py", "comfy"))


def test_a_half_made_venv_is_not_taken_for_a_whole_one(layout: Layout) -> None:
    leftover = layout.venvs / f".{LOCK_ID}.making"
    (leftover / "bin").mkdir(parents=True)
    ready(layout)
    assert not leftover.exists()


def lose_marker(venv: Path) -> None:
    (venv / ".comfypod-lock-id").unlink()


def empty_marker(venv: Path) -> None:
    (venv / ".comfypod-lock-id").write_text("")


def spoil_marker(venv: Path) -> None:
    (venv / ".comfypod-lock-id").write_bytes(b"\xff\xfe\x00")


def lose_packages(venv: Path) -> None:
    shutil.rmtree(venv / "lib")


def lose_python(venv: Path) -> None:
    (venv / "bin" / "python").unlink()


@pytest.mark.parametrize("damage", [lose_marker, empty_marker, spoil_marker, lose_packages, lose_python])
def test_a_damaged_venv_is_set_aside_and_made_anew(layout: Layout, damage: Callable[[Path], None]) -> None:
    ready(layout)
    (venv_of(layout) / "bin" / "mine").write_text("a script")
    damage(venv_of(layout))
    (note,) = ready(layout).notes
    (aside,) = layout.venvs.glob(".*.damaged-*")
    assert str(aside) in note
    assert (aside / "bin" / "mine").read_text() == "a script"
    assert ready(layout).notes == []


def test_a_damaged_venv_of_another_image_does_not_keep_comfyui_from_starting(layout: Layout) -> None:
    ready(layout)
    set_lock_id(layout, "py3-second")
    ready(layout)
    for damage in (lose_packages, spoil_marker):
        damage(venv_of(layout))
        assert ready(layout).notes == []


def test_two_pods_at_once_prepare_the_volume_once(layout: Layout) -> None:
    reports: list[Report] = []
    views = [dataclasses.replace(layout, run=layout.run / str(number)) for number in range(4)]
    pods = [threading.Thread(target=lambda view=view: reports.append(prepare(view)[0])) for view in views]
    for pod in pods:
        pod.start()
    for pod in pods:
        pod.join()
    assert [report.state for report in reports] == ["ready"] * 4
    assert (layout.venv_link / "pyvenv.cfg").is_file()
    assert not list(layout.workspace.glob("*.replaced-*"))


def test_the_lock_of_a_dead_pod_is_taken_over(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its modification time does not matter: no process writes to it."""
    monkeypatch.setattr(volume_lock, "STALE_ELSEWHERE_SECONDS", 0.2)
    left_behind = layout.state / "preparing.lock"
    left_behind.mkdir(parents=True)
    ready(layout)
    assert not left_behind.exists()


def test_a_volume_without_links_holds_data_and_packages_and_the_code_stays_in_the_image(
    layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "symlink_to", refuse)
        report, place = prepare(layout)
    assert place
    assert place.main == layout.spare / "ComfyUI" / "main.py"
    assert place.base == layout.comfyui
    assert place.cache.is_relative_to(layout.scratch)  # uv's cache is made of links
    assert (place.venv / "bin" / "python").is_file()
    assert "no symbolic links" in report.notes[0]


def test_a_code_file_that_was_replaced_is_set_aside_and_named(layout: Layout) -> None:
    ready(layout)
    (layout.comfyui / "main.py").unlink()
    (layout.comfyui / "main.py").write_text("patched by its owner")
    (note,) = ready(layout).notes
    assert "ComfyUI.replaced-" in note
    assert (layout.comfyui / "main.py").is_symlink()
    assert "patched by its owner" in snapshot(layout.workspace).values()
