"""The venvs of a volume, one for each set of image packages, named by its lock id.

They are side by side, so that two image versions can run on one volume at once, and an older one finds its venv
unchanged. `/workspace/venv` is a link to the one that was started last.
"""

import os
import shutil
from collections.abc import Iterable
from pathlib import Path

from scripts.workspace.code import NO_LINKS, REPLACED
from scripts.workspace.layout import Layout
from scripts.workspace.node_packages import Pending
from scripts.workspace.overlay_venv import (
    MARKER,
    build,
    lock_id_of,
    rewrite_scripts,
    set_marker,
    site_packages,
)


def find(layout: Layout, lock_id: str) -> Path | None:
    """Return a complete venv with these packages. Docker may have copied the image's own to a volume, at `venv`."""
    if lock_id_of(layout.venv_link) == lock_id and not layout.venv_link.is_symlink():
        return layout.venv_link
    venv = layout.venvs / lock_id
    return venv if lock_id_of(venv) else None


def make(layout: Layout, lock_id: str, pending: Pending, also: Iterable[Path] = ()) -> Path:
    """Make a venv under a temporary name first, so that an incomplete one is never used."""
    venv = layout.venvs / lock_id
    making = venv.with_name(f".{lock_id}.making")
    shutil.rmtree(making, ignore_errors=True)
    try:
        build(layout, making, venv, also)
        pending.save(making)
        set_marker(making, lock_id)
        making.rename(venv)
    except OSError:
        shutil.rmtree(making, ignore_errors=True)
        raise
    return venv


def mark_used(venv: Path) -> None:
    os.utime(venv / MARKER)


def changed_since(layout: Layout, venv: Path | None) -> Path | None:
    """Return the venv that was used or changed last, if it is another one and changed after this one was started.

    All times are those of the volume, so the clocks of pods do not matter.
    """
    others = [other for other in layout.venvs.glob("[!.]*") if other != venv and lock_id_of(other)]
    latest = max(others, key=_last_change, default=None)
    if venv and latest and _last_change(latest) < (venv / MARKER).stat().st_mtime_ns:
        return None
    return latest


def _last_change(venv: Path) -> int:
    return max(path.stat().st_mtime_ns for path in (venv / MARKER, site_packages(venv)))


def rename_damaged(layout: Layout, lock_id: str, stamp: str) -> Path | None:
    """Rename a venv without marker, packages or Python, which a failing volume leaves, and return its new path."""
    venv = layout.venvs / lock_id
    if not os.path.lexists(venv) or lock_id_of(venv):
        return None
    damaged = layout.venvs / f".{lock_id}.damaged-{stamp}"
    venv.rename(damaged)
    return damaged


def move_real_venv(layout: Layout, lock_id: str, stamp: str) -> None:
    """Move a real `venv` away, because its path becomes a link.

    One that Docker copied from another version of our image joins the others; one of a foreign image gets a new name.
    """
    link = layout.venv_link
    if not os.path.lexists(link) or _points_to_ours(layout):
        return
    found = None if link.is_symlink() else lock_id_of(link)
    if found == lock_id:
        return
    if found and not (layout.venvs / found).exists():
        layout.venvs.mkdir(parents=True, exist_ok=True)
        rewrite_scripts(link, layout.venvs / found)
        link.rename(layout.venvs / found)
        return
    link.rename(link.with_name(f"venv{REPLACED}{stamp}"))


def point_link_at(layout: Layout, venv: Path) -> None:
    """Replace the link atomically. It is relative, because volumes are mounted at different paths."""
    link, target = layout.venv_link, venv.relative_to(layout.workspace)
    if venv == link or (link.is_symlink() and link.readlink() == target):
        return
    new = layout.state / "venv.link"
    new.unlink(missing_ok=True)
    try:
        new.symlink_to(target)
    except OSError as error:
        if error.errno in NO_LINKS:
            return
        raise
    new.replace(link)


def _points_to_ours(layout: Layout) -> bool:
    link = layout.venv_link
    return link.is_symlink() and (layout.workspace / link.readlink()).parent == layout.venvs
