"""ComfyUI's tree on a volume: real folders for data, links into the spare for code."""

import errno
import os
import shutil
from pathlib import Path

from scripts.workspace.layout import DATA_FOLDERS, Layout

COPIED = "code-is-copied"
NO_LINKS = frozenset({errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL})


def adopt_foreign_code(layout: Layout, stamp: str) -> Path | None:
    """Set code that is not ours aside: all of another image's ComfyUI, or what a kill or an edit left among our links.

    Data folders and whatever is the user's own stay in place.
    """
    if (layout.state / COPIED).exists():
        return None  # this volume knows no links: real files are our own copies
    aside = layout.workspace / f"ComfyUI.replaced-{stamp}"
    moved = False
    for name in sorted(_code_names(layout)):
        path = layout.comfyui / name
        if path.exists() and not path.is_symlink():
            aside.mkdir(exist_ok=True)
            path.rename(aside / name)
            moved = True
    return aside if moved else None


def lay_out(layout: Layout) -> None:
    """Make or mend the tree. Repeating it changes nothing, so a kill in the middle is made good by the next start."""
    for name in sorted(DATA_FOLDERS):
        (layout.comfyui / name).mkdir(parents=True, exist_ok=True)
    for folder in _folders_below(layout.spare / "ComfyUI" / "models"):
        (layout.comfyui / "models" / folder).mkdir(parents=True, exist_ok=True)
    _drop_dead_links(layout)
    for name in sorted(_code_names(layout)):
        _place(layout, name)


def _code_names(layout: Layout) -> set[str]:
    return {entry.name for entry in os.scandir(layout.spare / "ComfyUI")} - DATA_FOLDERS


def _folders_below(models: Path) -> list[str]:
    return sorted(entry.name for entry in models.iterdir() if entry.is_dir()) if models.is_dir() else []


def _drop_dead_links(layout: Layout) -> None:
    """An earlier image may have linked files that this one does not have."""
    for entry in layout.comfyui.iterdir():
        if entry.is_symlink() and not entry.exists() and entry.readlink().is_relative_to(layout.spare):
            entry.unlink()


def _place(layout: Layout, name: str) -> None:
    source, target = layout.spare / "ComfyUI" / name, layout.comfyui / name
    if target.is_symlink():
        if target.readlink() == source:
            return
        target.unlink()
    if target.exists():
        return
    try:
        target.symlink_to(source)
    except OSError as error:
        if error.errno not in NO_LINKS:
            raise
        # Some volumes (exFAT, a few network mounts) know no links. Code is 100 MB: copy it.
        (layout.state / COPIED).touch()
        _copy(source, target)


def _copy(source: Path, target: Path) -> None:
    temporary = target.with_name(f".{target.name}.copying")
    if source.is_dir():
        shutil.rmtree(temporary, ignore_errors=True)
        shutil.copytree(source, temporary)
    else:
        shutil.copy2(source, temporary)
    temporary.rename(target)
