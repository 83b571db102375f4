"""Makes the workspace ready, whatever is mounted there."""

import time
from datetime import UTC, datetime
from pathlib import Path

from scripts.workspace.code import adopt_foreign_code, lay_out
from scripts.workspace.layout import Layout
from scripts.workspace.lock import LockedElsewhere, volume_lock
from scripts.workspace.report import Problem, Report, problem_of
from scripts.workspace.thin_venv import bring_up


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
    """unmounted: the image's own tree is there. empty, warm: a new volume, one of ours. foreign: somebody else's."""
    main = layout.comfyui / "main.py"
    if main.is_symlink() or (layout.venv / ".comfypod-lock-id").exists():
        return "warm"
    if not main.exists():
        return "empty"
    return "unmounted" if _is_same(main, layout.spare / "ComfyUI" / "main.py") else "foreign"


def _set_up(layout: Layout, report: Report) -> None:
    report.case = case_of(layout)  # another pod may just have finished
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    if report.case == "foreign":
        aside = adopt_foreign_code(layout, stamp)
        if aside:
            report.notes.append(
                f"The code of another ComfyUI is kept as {aside.name}; its data stays in place."
            )
    lay_out(layout)
    note = bring_up(layout, layout.facts()["lock_id"], stamp)
    if note:
        report.notes.append(note)


def _probe(folder: Path) -> None:
    probe = folder / ".comfypod-probe"
    probe.touch()
    probe.unlink()


def _is_same(path: Path, other: Path) -> bool:
    """By size and time: a volume that Docker filled from this image has other inodes."""
    a, b = path.stat(), other.stat()
    return (a.st_size, int(a.st_mtime)) == (b.st_size, int(b.st_mtime))
