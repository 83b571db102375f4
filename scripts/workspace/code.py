"""ComfyUI's tree on a volume: real folders for data, links into the spare for code."""

import errno
import os
from pathlib import Path

from scripts.workspace.layout import DATA_FOLDERS, Layout

# What file systems without symbolic links (exFAT, some network mounts) answer to making one.
NO_LINKS = frozenset({errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL})


def adopt_foreign_code(layout: Layout, stamp: str) -> Path | None:
    """Set code that is not ours aside: all of another image's ComfyUI, or what a kill or an edit left among our links.

    Data folders and whatever is the user's own stay in place.
    """
    aside = layout.workspace / f"ComfyUI.replaced-{stamp}"
    moved = False
    for name in sorted(_code_names(layout)):
        path = layout.comfyui / name
        if path.exists() and not path.is_symlink():
            aside.mkdir(exist_ok=True)
            path.rename(aside / name)
            moved = True
    return aside if moved else None


def lay_out(layout: Layout) -> bool:
    """Make or mend the tree; False where the volume knows no links, so that the code stays in the image alone.

    Repeating it changes nothing, so a kill in the middle is made good by the next start. Links that are dead here
    stay: another image version may be running on the same volume.
    """
    for name in sorted(DATA_FOLDERS):
        (layout.comfyui / name).mkdir(parents=True, exist_ok=True)
    for folder in _folders_below(layout.spare / "ComfyUI" / "models"):
        (layout.comfyui / "models" / folder).mkdir(parents=True, exist_ok=True)
    try:
        for name in sorted(_code_names(layout)):
            _link(layout, name)
    except OSError as error:
        if error.errno not in NO_LINKS:
            raise
        return False
    return True


def _code_names(layout: Layout) -> set[str]:
    """Links in the spare are our own and lead back to the volume, see kept.py."""
    entries = os.scandir(layout.spare / "ComfyUI")
    return {entry.name for entry in entries if not entry.is_symlink()} - DATA_FOLDERS


def _folders_below(models: Path) -> list[str]:
    return sorted(entry.name for entry in models.iterdir() if entry.is_dir()) if models.is_dir() else []


def _link(layout: Layout, name: str) -> None:
    source, target = layout.spare / "ComfyUI" / name, layout.comfyui / name
    if target.is_symlink():
        if target.readlink() == source:
            return
        target.unlink()
    target.symlink_to(source)
