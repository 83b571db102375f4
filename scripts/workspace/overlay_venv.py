"""A venv on the volume, laid over the image's venv.

It has its own scripts and site-packages, where custom nodes install their packages. One `.pth` line adds the packages of
the image; copies of their `*.dist-info` folders show pip and uv that these are installed.
"""

import errno
import os
import re
import shutil
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from scripts.workspace.code import NO_LINKS
from scripts.workspace.layout import Layout

# Contains the lock id; its modification time is the last use of the venv. The image's own venv has one too.
MARKER = ".comfypod-lock-id"
IMAGE_PACKAGES = "comfypod-image-packages.pth"
# The path of the image's venv in its own scripts.
BUILT_AT = b"/workspace/venv"
# On a network volume many calls at once take as long as one.
THREADS = 16
# A larger file is a program, not a script, and is linked.
LARGEST_SCRIPT = 256 * 1024


def build(layout: Layout, making: Path, final: Path, also: Iterable[Path] = ()) -> None:
    """Make a venv at `making` that works once it has been renamed to `final`.

    `also` are more folders whose packages it can import.
    """
    spare = layout.spare / "venv"
    packages = site_packages(spare)
    own = making / packages.relative_to(spare)
    own.mkdir(parents=True)
    (making / "bin").mkdir()
    _at_once(lambda entry: _add_script(entry, making / "bin" / entry.name, final), (spare / "bin").iterdir())
    _at_once(lambda info: _copy_records(info, own / info.name), packages.glob("*.dist-info"))
    _copy_rewritten(spare / "pyvenv.cfg", making / "pyvenv.cfg", final)
    added = "".join(f"import site; site.addsitedir({str(path)!r})\n" for path in (packages, *also))
    (own / IMAGE_PACKAGES).write_text(added)


def repair(layout: Layout, venv: Path) -> list[str]:
    """Restore records and scripts of the image's packages that are missing, and return the names of the packages.

    `pip uninstall torch` removes the record, although torch itself is in the image; the next installation of a node
    would then download torch again. A package that the user installed in another version stays as it is.
    """
    spare = layout.spare / "venv"
    own = site_packages(venv)
    installed = {package_name(info) for info in package_infos(venv)}
    lost = [
        info for info in site_packages(spare).glob("*.dist-info") if package_name(info.name) not in installed
    ]
    _at_once(lambda info: _copy_records(info, own / info.name), lost)
    scripts = [entry for entry in (spare / "bin").iterdir() if not os.path.lexists(venv / "bin" / entry.name)]
    _at_once(lambda entry: _add_script(entry, venv / "bin" / entry.name, venv), scripts)
    return sorted(package_name(info.name) for info in lost)


def rewrite_scripts(venv: Path, final: Path) -> None:
    """Write the new path into the scripts of a venv that is about to move."""
    for script in (venv / "bin").iterdir():
        if script.is_file() and not script.is_symlink() and script.stat().st_size <= LARGEST_SCRIPT:
            script.write_bytes(_moved(script.read_bytes(), final))


def lock_id_of(venv: Path) -> str | None:
    """Return the lock id, or None for a folder that is not a complete venv of ours."""
    try:
        lock_id = (venv / MARKER).read_text().strip()
        site_packages(venv)
    except (OSError, ValueError):
        return None
    return lock_id if lock_id and os.path.lexists(venv / "bin" / "python") else None


def set_marker(venv: Path, lock_id: str) -> None:
    """Write the marker to disk before the venv gets its name: a power cut may otherwise leave an empty marker."""
    with (venv / MARKER).open("w") as marker:
        marker.write(lock_id)
        marker.flush()
        os.fsync(marker.fileno())


def package_infos(venv: Path) -> set[str]:
    """Return the names of the `*.dist-info` folders in a venv."""
    return {info.name for info in venv.glob("lib/python3*/site-packages/*.dist-info")}


def package_name(info: str) -> str:
    """Return the name of the package with this `NAME-VERSION.dist-info` folder."""
    return normalised(info.partition("-")[0])


def normalised(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def site_packages(venv: Path) -> Path:
    """Return the venv's site-packages. Raise FileNotFoundError where there is none."""
    for folder in (venv / "lib").glob("python3*/site-packages"):
        return folder
    raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(venv / "lib"))


def _at_once(function: Callable[[Path], None], paths: Iterable[Path]) -> None:
    with ThreadPoolExecutor(THREADS) as pool:
        for _ in pool.map(function, paths):
            pass  # reading the results raises the errors


def _add_script(entry: Path, target: Path, final: Path) -> None:
    if entry.is_symlink():
        _link_or_copy(entry.readlink(), entry, target)
    elif entry.stat().st_size > LARGEST_SCRIPT:
        _link_or_copy(entry, entry, target)
    else:
        _copy_rewritten(entry, target, final)


def _link_or_copy(points_to: Path, source: Path, target: Path) -> None:
    try:
        target.symlink_to(points_to)
    except OSError as error:
        if error.errno not in NO_LINKS:
            raise
        shutil.copy(source.resolve(), target)


def _copy_rewritten(source: Path, target: Path, final: Path) -> None:
    target.write_bytes(_moved(source.read_bytes(), final))
    target.chmod(source.stat().st_mode)


def _moved(content: bytes, final: Path) -> bytes:
    return content.replace(BUILT_AT, bytes(final))


def _copy_records(info: Path, target: Path) -> None:
    """Copy the files; licences, in folders below, stay in the image."""
    target.mkdir(exist_ok=True)
    for record in info.iterdir():
        if record.is_file():
            (target / record.name).write_bytes(record.read_bytes())
