"""A venv on the volume that borrows the image's packages.

It has its own interpreter links and site-packages, where custom nodes install what they need. One `.pth` line
brings in the packages of the spare; copies of their `*.dist-info` folders let pip and uv see that they are there.
A thin venv belongs to one set of image packages, named by the lock id.
"""

import shutil
from pathlib import Path

from scripts.workspace.layout import Layout

MARKER = ".comfypod-lock-id"
BORROWED = "comfypod-image-packages.pth"


def bring_up(layout: Layout, lock_id: str, stamp: str) -> str | None:
    """Make `venv` the thin venv of `lock_id`. Returns a note when another one had to be put aside."""
    current = _lock_id_of(layout.venv)
    if current == lock_id:
        return None
    note = _put_aside(layout, current, stamp)
    kept = _kept_name(layout, lock_id)
    if not kept.is_dir():
        _build(layout, lock_id, kept)
    kept.rename(layout.venv)
    return note


def _lock_id_of(venv: Path) -> str | None:
    try:
        return (venv / MARKER).read_text().strip()
    except OSError:
        return None


def _put_aside(layout: Layout, current: str | None, stamp: str) -> str | None:
    """Never deleted: a thin venv waits for its image to come back, a foreign one for its owner."""
    if not layout.venv.exists() and not layout.venv.is_symlink():
        return None
    aside = _kept_name(layout, current) if current else layout.workspace / f"venv.replaced-{stamp}"
    layout.venv.rename(aside)
    return f"The environment of {'another image version' if current else 'another image'} is kept as {aside.name}."


def _kept_name(layout: Layout, lock_id: str) -> Path:
    return layout.workspace / f"venv.{lock_id}"


def _build(layout: Layout, lock_id: str, target: Path) -> None:
    """Under a temporary name first, so that a half-made one is never taken for a whole one."""
    spare = layout.spare / "venv"
    making = target.with_name(f".{target.name}.making")
    shutil.rmtree(making, ignore_errors=True)
    making.mkdir()
    shutil.copytree(spare / "bin", making / "bin", symlinks=True)
    shutil.copy2(spare / "pyvenv.cfg", making)
    packages = _site_packages(spare)
    own = making / packages.relative_to(spare)
    own.mkdir(parents=True)
    for info in packages.glob("*.dist-info"):
        shutil.copytree(info, own / info.name)
    (own / BORROWED).write_text(f"import site; site.addsitedir({str(packages)!r})\n")
    (making / MARKER).write_text(lock_id)
    making.rename(target)


def package_infos(venv: Path) -> set[str]:
    """Names of the packages in a venv, with their versions."""
    return {info.name for info in venv.glob("lib/python3*/site-packages/*.dist-info")}


def _site_packages(venv: Path) -> Path:
    return next((venv / "lib").glob("python3*/site-packages"))
