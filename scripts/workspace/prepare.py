"""Prepares the workspace, for every kind of volume."""

import dataclasses
import shutil
import time
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from backend.core.volume_lock import LockedElsewhere, volume_lock
from scripts.workspace import overlay_venv, venvs, volume
from scripts.workspace.code import lay_out, move_foreign_code, replaced_folders
from scripts.workspace.layout import Layout, Place
from scripts.workspace.node_packages import Pending, needs_of, pending_for, remember_nodes
from scripts.workspace.overlay_venv import lock_id_of, site_packages
from scripts.workspace.report import Problem, Report, Unusable, problem_of

NOTHING_IS_KEPT = (
    "ComfyUI runs without the volume: its models can be used, but nothing that you make now will be kept."
)


def prepare(layout: Layout) -> tuple[Report, Place | None]:
    """Prepare the workspace. Errors of a volume are in the report, with a remedy.

    Without a place ComfyUI cannot be started yet.
    """
    began = time.monotonic()
    report = Report(folder=layout.run)
    report.write()
    try:
        place = _on_the_volume(layout, report)
    except LockedElsewhere as error:
        report.problem(_locked(error))
        place = None
    except Unusable as error:
        place = _beside_the_volume(layout, error.problem, report)
    except (OSError, ValueError) as error:
        place = _beside_the_volume(layout, problem_of(error, layout.workspace), report)
    report.state = "ready" if place else "failed"
    report.seconds = round(time.monotonic() - began, 3)
    report.write()
    return report, place


def place_beside(layout: Layout) -> Place | None:
    """Return the folders with which ComfyUI runs already. The reports of its start stay as they are.

    On a machine that is no pod these are the folders alone.
    """
    if layout.image.exists():
        return prepare(dataclasses.replace(layout, run=layout.run / "beside"))[1]
    main = layout.comfyui / "main.py"
    return Place(base=layout.comfyui, main=main, venv=layout.venv_link, cache=layout.cache)


def case_of(layout: Layout) -> str:
    """Return what is in the workspace.

    unmounted: the image's own tree, also when Docker copied it to a new volume. empty: no ComfyUI. warm: one of ours.
    foreign: another image's, or one that Docker copied from another version of our image.
    """
    main = layout.comfyui / "main.py"
    if not layout.mounted and main.is_file() and not main.is_symlink():
        return "unmounted"
    if main.is_symlink() or layout.venvs.is_dir():
        return "warm"
    if not main.exists():
        return "empty"
    return "unmounted" if _is_filled_by_this_image(layout) else "foreign"


def _on_the_volume(layout: Layout, report: Report) -> Place:
    volume.check(layout)
    report.case = case_of(layout)
    if report.case == "unmounted":
        main = layout.comfyui / "main.py"
        return Place(base=layout.comfyui, main=main, venv=layout.venv_link, cache=layout.cache)
    with volume_lock(layout.state / "preparing.lock"):
        return _set_up(layout, report)


def _set_up(layout: Layout, report: Report) -> Place:
    report.case = case_of(layout)  # another pod may just have finished
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    lock_id = layout.facts()["lock_id"]
    move_foreign_code(layout, stamp)
    venvs.move_real_venv(layout, lock_id, stamp)
    for folder in replaced_folders(layout):
        report.note(f"Files of another image are kept as {folder}; delete it when you no longer need them.")
    linked = lay_out(layout)
    if not linked:
        report.note("This volume has no symbolic links, so ComfyUI's code stays in the image.")
    venv = _open_venv(layout, lock_id, stamp, report)
    venvs.point_link_at(layout, venv)
    code = layout.comfyui if linked else layout.spare / "ComfyUI"
    cache = layout.cache if linked else _on_scratch(layout).cache
    return Place(base=layout.comfyui, main=code / "main.py", venv=venv, cache=cache)


def _open_venv(layout: Layout, lock_id: str, stamp: str, report: Report) -> Path:
    damaged = venvs.rename_damaged(layout, lock_id, stamp)
    if damaged:
        report.note(
            f"The environment of this image was damaged. A new one replaces it; the old one is kept as {damaged}."
        )
    venv = venvs.find(layout, lock_id)
    previous = venvs.changed_since(layout, venv)
    custom_nodes = layout.comfyui / "custom_nodes"
    if previous:
        remember_nodes(previous, needs_of(custom_nodes))
    if venv is None:
        pending = pending_for(custom_nodes, None, damaged or previous, layout.spare / "venv")
        venv = venvs.make(layout, lock_id, pending)
    else:
        _repair(layout, venv, report)
        if previous:
            pending_for(custom_nodes, venv, previous, layout.spare / "venv").save(venv)
    venvs.mark_used(venv)
    return venv


def _repair(layout: Layout, venv: Path, report: Report) -> None:
    if venv == layout.venv_link:
        return  # a copy of the image's own venv, whose packages are inside
    repaired = overlay_venv.repair(layout, venv)
    if repaired:
        report.note(
            f"These packages belong to the image and were uninstalled; they are back: {', '.join(repaired)}."
        )


def _beside_the_volume(layout: Layout, problem: Problem, report: Report) -> Place | None:
    """Run ComfyUI from the image, with new files on local disk and models and nodes from the volume.

    Return None when that fails too.
    """
    report.case = "unusable"
    try:
        place = _set_up_scratch(layout)
    except (OSError, ValueError) as error:
        report.problem(problem)
        report.problem(problem_of(error, layout.scratch))
        return None
    report.problem(dataclasses.replace(problem, message=f"{problem.message} {NOTHING_IS_KEPT}"))
    return place


def _set_up_scratch(layout: Layout) -> Place:
    scratch = _on_scratch(layout)
    lock_id = layout.facts()["lock_id"]
    lay_out(scratch)
    _copy_workflows(layout.comfyui / "user", scratch.comfyui / "user")
    venv = venvs.find(scratch, lock_id) or _make_scratch_venv(layout, scratch, lock_id)
    main = layout.spare / "ComfyUI" / "main.py"
    return Place(base=scratch.comfyui, main=main, venv=venv, cache=scratch.cache, unused=layout.comfyui)


def _on_scratch(layout: Layout) -> Layout:
    return dataclasses.replace(layout, workspace=layout.scratch)


def _make_scratch_venv(layout: Layout, scratch: Layout, lock_id: str) -> Path:
    """Make a venv that imports the nodes' packages from the volume, or lists what is to be installed."""
    shutil.rmtree(scratch.venvs / lock_id, ignore_errors=True)  # a damaged one
    theirs = venvs.find(layout, lock_id)
    if theirs:
        return venvs.make(scratch, lock_id, Pending(), also=[site_packages(theirs)])
    pending = pending_for(layout.comfyui / "custom_nodes", None, None, layout.spare / "venv")
    return venvs.make(scratch, lock_id, pending)


def _copy_workflows(user: Path, target: Path) -> None:
    """Copy workflows and settings, so that they can be opened, but no caches and databases."""
    for path in (*user.glob("*/workflows/**/*.json"), *user.glob("*/comfy.settings.json")):
        copy = target / path.relative_to(user)
        if not copy.exists() and path.is_file():
            copy.parent.mkdir(parents=True, exist_ok=True)
            with suppress(OSError):
                shutil.copyfile(path, copy)


def _locked(error: LockedElsewhere) -> Problem:
    return Problem(
        code="locked",
        message=f"Another pod ({error}) is still preparing this volume.",
        remedy="Stop the other pod, or wait until it is ready; this one tries again by itself.",
    )


def _is_filled_by_this_image(layout: Layout) -> bool:
    """Return whether Docker copied the same ComfyUI and the same packages."""
    code = (file for file in (layout.spare / "ComfyUI").glob("*.py") if file.is_file())
    same_code = all(_is_same(layout.comfyui / file.name, file) for file in code)
    return same_code and lock_id_of(layout.venv_link) == layout.facts()["lock_id"]


def _is_same(path: Path, other: Path) -> bool:
    try:
        return path.read_bytes() == other.read_bytes()
    except OSError:
        return False
