"""The thin venvs of a volume, one for each set of image packages, named by its lock id.

They lie side by side, so that two image versions can run on one volume at once, and going back to an older one finds
everything as it was. `/workspace/venv` is a link to the one that was last brought up.
"""

import os
import shutil
from collections.abc import Iterable
from pathlib import Path

from scripts.workspace.code import NO_LINKS
from scripts.workspace.layout import Layout
from scripts.workspace.node_packages import Pending
from scripts.workspace.thin_venv import MARKER, build, lock_id_of, rewrite_scripts, set_marker, site_packages


def find(layout: Layout, lock_id: str) -> Path | None:
    """A whole venv with these packages. Docker may have filled a volume with the image's own, at `venv` itself."""
    if lock_id_of(layout.venv_link) == lock_id and not layout.venv_link.is_symlink():
        return layout.venv_link
    venv = layout.venvs / lock_id
    return venv if lock_id_of(venv) else None


def make(layout: Layout, lock_id: str, pending: Pending, also: Iterable[Path] = ()) -> Path:
    """Under a temporary name first, so that a half-made one is never taken for a whole one."""
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
    """The venv that was used, or got packages, last, if that was another one and after this one was brought up.

    All times are those of the volume, so the clocks of pods do not matter.
    """
    others = [other for other in layout.venvs.glob("[!.]*") if other != venv and lock_id_of(other)]
    latest = max(others, key=_last_change, default=None)
    if venv and latest and _last_change(latest) < (venv / MARKER).stat().st_mtime_ns:
        return None
    return latest


def _last_change(venv: Path) -> int:
    return max(path.stat().st_mtime_ns for path in (venv / MARKER, site_packages(venv)))


def set_damaged_aside(layout: Layout, lock_id: str, stamp: str) -> Path | None:
    """A venv without its marker, its packages or its Python, which a volume that failed in the middle leaves."""
    venv = layout.venvs / lock_id
    if not os.path.lexists(venv) or lock_id_of(venv):
        return None
    aside = layout.venvs / f".{lock_id}.damaged-{stamp}"
    venv.rename(aside)
    return aside


def make_room_for_link(layout: Layout, lock_id: str, stamp: str) -> Path | None:
    """Takes a real `venv` out of the link's way and returns where it is now, if that is news to anybody.

    One that Docker filled in from another version of ours joins the others; one of a foreign image is set aside.
    """
    link = layout.venv_link
    if not os.path.lexists(link) or _points_to_ours(layout):
        return None
    found = None if link.is_symlink() else lock_id_of(link)
    if found == lock_id:
        return None
    if found and not (layout.venvs / found).exists():
        layout.venvs.mkdir(parents=True, exist_ok=True)
        rewrite_scripts(link, layout.venvs / found)
        link.rename(layout.venvs / found)
        return None
    aside = link.with_name(f"venv.replaced-{stamp}")
    link.rename(aside)
    return aside


def point_link_at(layout: Layout, venv: Path) -> None:
    """Atomically, and relative, so that the volume can be mounted elsewhere. A volume without links goes without."""
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
