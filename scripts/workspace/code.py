"""ComfyUI's tree on a volume: real folders for data, links into the image for code."""

import errno
import os
from pathlib import Path

from scripts.workspace.layout import DATA_FOLDERS, Layout

# In the names of folders with files that another image left, before the time.
REPLACED = ".replaced-"
# Errors of file systems without symbolic links (exFAT, some network mounts).
NO_LINKS = frozenset({errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL})


def move_foreign_code(layout: Layout, stamp: str) -> None:
    """Move code that is not ours into a folder beside ComfyUI.

    It is another image's ComfyUI, or real files among our links. Data folders and the user's own files stay in place.
    """
    replaced = layout.workspace / f"ComfyUI{REPLACED}{stamp}"
    for name in sorted(_code_names(layout)):
        path = layout.comfyui / name
        if path.exists() and not path.is_symlink():
            replaced.mkdir(exist_ok=True)
            path.rename(replaced / name)


def replaced_folders(layout: Layout) -> list[str]:
    """Return the names of the folders with files of other images, also of starts that were killed."""
    names = (f"ComfyUI{REPLACED}", f"venv{REPLACED}")
    return sorted(entry.name for entry in layout.workspace.iterdir() if entry.name.startswith(names))


def lay_out(layout: Layout) -> bool:
    """Create or repair the tree. Return False where the volume has no links, so that the code stays in the image.

    Repeating it changes nothing, so the next start completes one that was killed. Links that lead nowhere here
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
    """Links in the spare copy are our own and lead to the volume, see persistence.py."""
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
