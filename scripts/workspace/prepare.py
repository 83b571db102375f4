"""Makes the workspace ready, whatever is mounted there."""

import time
from datetime import UTC, datetime
from pathlib import Path

from scripts.workspace.code import adopt_foreign_code, lay_out
from scripts.workspace.layout import Layout
from scripts.workspace.lock import LockedElsewhere, volume_lock
from scripts.workspace.report import Problem, Report, problem_of
from scripts.workspace.thin_venv import bring_up, package_infos


def prepare(layout: Layout) -> Report:
    """Never raises for what a volume can do to us: the report says what is wrong and how to mend it."""
    began = time.monotonic()
    report = Report()
    report.write(layout.run)
    try:
        report.case = case_of(layout)
        if report.case == "unmounted":
            _probe(layout.workspace)
        else:
            with volume_lock(layout.state / "preparing.lock"):
                _set_up(layout, report)
        report.state = "ready"
    except LockedElsewhere as error:
        report.problems.append(
            Problem(
                code="locked",
                message=f"Another pod ({error}) is still preparing this volume.",
                remedy="Stop the other pod, or wait until it is done; this one tries again by itself.",
            )
        )
        report.state = "failed"
    except OSError as error:
        report.problems.append(problem_of(error, layout.workspace))
        report.state = "failed"
    report.seconds = round(time.monotonic() - began, 3)
    report.write(layout.run)
    return report


def case_of(layout: Layout) -> str:
    """unmounted: the image's own tree is there, also when Docker filled a new volume from it.

    empty, warm: a new volume, one of ours. foreign: somebody else's, or filled from another image of ours.
    """
    main = layout.comfyui / "main.py"
    if not layout.mounted and main.is_file():
        return "unmounted"
    if main.is_symlink() or (layout.venv / ".comfypod-lock-id").exists():
        return "warm"
    if not main.exists():
        return "empty"
    return "unmounted" if _is_filled_from_this_image(layout) else "foreign"


def _set_up(layout: Layout, report: Report) -> None:
    report.case = case_of(layout)  # another pod may just have finished
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    aside = adopt_foreign_code(layout, stamp)
    if aside:
        report.notes.append(
            f"Code that is not this image's is kept as {aside.name}; all data stays in place."
        )
    lay_out(layout)
    note = bring_up(layout, layout.facts()["lock_id"], stamp)
    if note:
        report.notes.append(note)


def _probe(folder: Path) -> None:
    probe = folder / ".comfypod-probe"
    probe.touch()
    probe.unlink()


def _is_filled_from_this_image(layout: Layout) -> bool:
    """The same ComfyUI, and an environment with at least this image's packages."""
    main, twin = layout.comfyui / "main.py", layout.spare / "ComfyUI" / "main.py"
    return _is_same(main, twin) and package_infos(layout.spare / "venv") <= package_infos(layout.venv)


def _is_same(path: Path, other: Path) -> bool:
    """By size and time: a volume that Docker filled from this image has other inodes."""
    a, b = path.stat(), other.stat()
    return (a.st_size, int(a.st_mtime)) == (b.st_size, int(b.st_mtime))
