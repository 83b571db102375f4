"""A venv on the volume that borrows the image's packages.

It has its own scripts and site-packages, where custom nodes install what they need. One `.pth` line brings in the
packages of the spare; copies of the records in their `*.dist-info` folders let pip and uv see that they are there.
"""

import errno
import os
import shutil
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from scripts.workspace.code import NO_LINKS
from scripts.workspace.layout import Layout

# Holds the lock id, and by its time tells when the venv was last used. The image's own venv has one too.
MARKER = ".comfypod-lock-id"
BORROWED = "comfypod-image-packages.pth"
# What scripts of the image's venv say of where they are.
BUILT_AT = b"/workspace/venv"
# A network volume answers each call late, and many of them at once as late as one.
THREADS = 16
# Scripts are smaller. What is bigger is a program, and is linked.
LARGEST_SCRIPT = 256 * 1024


def build(layout: Layout, making: Path, final: Path, also: Iterable[Path] = ()) -> None:
    """A thin venv at `making` that works once it has been renamed to `final`.

    `also` are more folders with packages to borrow.
    """
    spare = layout.spare / "venv"
    packages = site_packages(spare)
    own = making / packages.relative_to(spare)
    own.mkdir(parents=True)
    (making / "bin").mkdir()
    _at_once(lambda entry: _lay_script(entry, making / "bin" / entry.name, final), (spare / "bin").iterdir())
    _at_once(lambda info: _copy_records(info, own / info.name), packages.glob("*.dist-info"))
    _copy_rewritten(spare / "pyvenv.cfg", making / "pyvenv.cfg", final)
    borrowed = "".join(f"import site; site.addsitedir({str(path)!r})\n" for path in (packages, *also))
    (own / BORROWED).write_text(borrowed)


def rewrite_scripts(venv: Path, final: Path) -> None:
    """Make the scripts of a venv that is about to move say where they will be."""
    for script in (venv / "bin").iterdir():
        if script.is_file() and not script.is_symlink() and script.stat().st_size <= LARGEST_SCRIPT:
            script.write_bytes(_moved(script.read_bytes(), final))


def lock_id_of(venv: Path) -> str | None:
    """None for what is no venv of ours, was never finished, or has lost what makes it one."""
    try:
        lock_id = (venv / MARKER).read_text().strip()
        site_packages(venv)
    except (OSError, ValueError):
        return None
    return lock_id if lock_id and os.path.lexists(venv / "bin" / "python") else None


def set_marker(venv: Path, lock_id: str) -> None:
    """On disk before the venv gets its name: a power cut may otherwise leave the name and an empty marker."""
    with (venv / MARKER).open("w") as marker:
        marker.write(lock_id)
        marker.flush()
        os.fsync(marker.fileno())


def package_infos(venv: Path) -> set[str]:
    """Names of the packages in a venv, with their versions."""
    return {info.name for info in venv.glob("lib/python3*/site-packages/*.dist-info")}


def site_packages(venv: Path) -> Path:
    """FileNotFoundError where there is none."""
    for folder in (venv / "lib").glob("python3*/site-packages"):
        return folder
    raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(venv / "lib"))


def _at_once(function: Callable[[Path], None], paths: Iterable[Path]) -> None:
    with ThreadPoolExecutor(THREADS) as pool:
        for _ in pool.map(function, paths):
            pass  # asking for the result raises what went wrong


def _lay_script(entry: Path, target: Path, final: Path) -> None:
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
    """Licences and the like, in folders of their own, stay in the image."""
    target.mkdir()
    for record in info.iterdir():
        if record.is_file():
            (target / record.name).write_bytes(record.read_bytes())
