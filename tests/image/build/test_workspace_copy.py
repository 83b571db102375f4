"""The hardlinked copy of the workspace follows it, and a step that replaces torch fails the build."""

import subprocess
import sys
from pathlib import Path

from tests.image.support.bake import ROOT
from tests.image.support.standins import write_wheel


def make_copy(tree: Path, copy: Path) -> str:
    command = [sys.executable, str(ROOT / "scripts/build/hardlink_copy.py"), str(tree), str(copy)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def test_the_copy_of_a_tree_shares_every_file(tmp_path: Path) -> None:
    (tmp_path / "tree" / "lib").mkdir(parents=True)
    (tmp_path / "tree" / "lib" / "a.py").write_text("a")
    (tmp_path / "tree" / "python").symlink_to("/usr/bin/python3")
    make_copy(tmp_path / "tree", tmp_path / "copy")
    assert (tmp_path / "copy" / "lib" / "a.py").samefile(tmp_path / "tree" / "lib" / "a.py")
    assert (tmp_path / "copy" / "python").readlink() == Path("/usr/bin/python3")


def test_only_what_is_new_or_changed_is_linked_again(tmp_path: Path) -> None:
    tree, copy = tmp_path / "tree", tmp_path / "copy"
    tree.mkdir()
    for name in ("same", "changed", "removed"):
        (tree / name).write_text(name)
    make_copy(tree, copy)
    (tree / "changed").unlink()
    (tree / "changed").write_text("something else")
    (tree / "removed").unlink()
    (tree / "new").write_text("new")
    assert make_copy(tree, copy).strip().endswith("2 linked, 1 removed")
    assert sorted(path.name for path in copy.iterdir()) == ["changed", "new", "same"]
    assert (copy / "changed").read_text() == "something else"


def test_a_package_that_brings_another_torch_fails_the_build(tmp_path: Path) -> None:
    lock = tmp_path / "torch.txt"
    lock.write_text("torch==2.13.0+cpu\ntorchvision==0.28.0+cpu\ntorchaudio==2.11.0+cpu\n")
    site_packages = tmp_path / "venv" / "lib" / "python3.13" / "site-packages"
    site_packages.mkdir(parents=True)
    for name, version in (("torch", "2.15.0"), ("torchvision", "0.28.0+cpu"), ("torchaudio", "2.11.0+cpu")):
        wheel = write_wheel(tmp_path, name, version, "")
        subprocess.run([sys.executable, "-m", "zipfile", "-e", str(wheel), str(site_packages)], check=True)
    command = [
        sys.executable,
        str(ROOT / "scripts/build/torch_set.py"),
        "check",
        str(tmp_path / "venv"),
        str(lock),
    ]
    checked = subprocess.run(command, capture_output=True, text=True, check=False)
    assert checked.returncode == 1
    assert "torch is 2.15.0, pinned is 2.13.0+cpu" in checked.stderr
