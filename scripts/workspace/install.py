"""Installs the packages of the user's nodes into a new venv, first from the cache on the volume, then online.

The image's own packages are constraints. A node that conflicts with them is left out of this run and tried again at the
next start; it never keeps ComfyUI from starting.
"""

import os
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from backend.core.volume_lock import LockedElsewhere, volume_lock
from scripts.workspace.layout import Layout, Place
from scripts.workspace.node_packages import Pending, load_pending, missing, nodes_in, requirements_of
from scripts.workspace.persistence import cache_variables
from scripts.workspace.report import Problem, Report

# For all packages together; then ComfyUI starts without the missing ones.
LIMIT_SECONDS = 900.0
# For one node. Compiling one from source takes minutes.
STEP_SECONDS = 300.0
LONGEST_REASON = 400


@dataclass(frozen=True, kw_only=True)
class Installer:
    """The image's uv, for one venv."""

    uv: Path
    venv: Path
    constraints: Path
    environment: Mapping[str, str]
    # On the clock of time.monotonic().
    deadline: float
    # For one call.
    step_seconds: float = STEP_SECONDS

    def install(self, *arguments: str, folder: Path, prefer: Path | None = None) -> str | None:
        """Return None, or why the installation failed. Local paths in the arguments are relative to `folder`.

        `prefer` is a file with versions to use if they are in the cache.
        """
        preferred = ("--constraint", str(prefer)) if prefer else ()
        if self._run("--offline", *preferred, *arguments, folder=folder) is None:
            return None
        return self._run(*arguments, folder=folder)

    def _run(self, *arguments: str, folder: Path) -> str | None:
        command = [
            *(str(self.uv), "pip", "install", "--quiet", "--python", str(self.venv)),
            *("--constraint", str(self.constraints), *arguments),
        ]
        limit = min(self.step_seconds, self.deadline - time.monotonic())
        if limit <= 0:
            return "the time for all packages was used up"
        try:
            done = subprocess.run(
                command,
                cwd=folder,
                env=self.environment,
                capture_output=True,
                text=True,
                timeout=limit,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return f"it took longer than {limit:.0f} seconds"
        return None if done.returncode == 0 else reason(done.stderr)


def reason(complaint: str) -> str:
    """Return uv's message on one line, without its line drawings."""
    words = [word for word in complaint.split() if word.strip("×╰─▶│├")]
    text = " ".join(words)
    return text if len(text) <= LONGEST_REASON else f"{text[:LONGEST_REASON]}…"


def install_packages(
    layout: Layout, place: Place, environment: Mapping[str, str], report: Report
) -> frozenset[str]:
    """Install what is pending, and return the names of nodes to leave out because their packages cannot be installed."""
    pending = load_pending(place.venv)
    if not pending.nodes and not pending.packages:
        return frozenset()
    installer = Installer(
        uv=layout.spare / "venv" / "bin" / "uv",
        venv=place.venv,
        constraints=layout.constraints,
        environment=environment,
        deadline=time.monotonic() + LIMIT_SECONDS,
    )
    report.begin(_activity(pending))
    try:
        with volume_lock(place.state / f"{place.venv.name}.installing.lock", wait=LIMIT_SECONDS):
            return _install(installer, place, report)
    except LockedElsewhere as error:
        report.note(f"Another pod ({error}) is still installing packages; ComfyUI starts without them.")
    except OSError as error:
        report.note(f"Packages of nodes could not be installed: {error.strerror or error}.")
    finally:
        report.begin("")
    return frozenset()


def _install(installer: Installer, place: Place, report: Report) -> frozenset[str]:
    pending = load_pending(place.venv)  # another pod may just have installed them
    nodes = [node for folder in place.custom_nodes for node in nodes_in(folder) if node.name in pending.nodes]
    failed = _install_nodes(installer, nodes, pending, report)
    pending.nodes = sorted(failed)
    pending.packages = _install_rest(installer, pending.packages, report)
    pending.save(place.venv)
    return failed


def _activity(pending: Pending) -> str:
    nodes, packages = len(pending.nodes), len(pending.packages)
    if not nodes:
        return f"Installing {packages} package{'s' * (packages > 1)}."
    return f"Installing the packages of {nodes} node{'s' * (nodes > 1)}: {', '.join(pending.nodes)}."


def _install_nodes(
    installer: Installer, nodes: list[Path], pending: Pending, report: Report
) -> frozenset[str]:
    prefer = report.folder / "preferred-versions.txt"
    prefer.write_text("".join(f"{package}\n" for package in pending.packages))
    failed = set()
    for node in nodes:
        arguments = requirements_of(node)
        why = installer.install(*arguments, folder=node, prefer=prefer) if arguments else None
        if why:
            failed.add(node.name)
            report.problem(_left_out(node.name, why))
        else:
            pending.nodes = [name for name in pending.nodes if name != node.name]
            pending.save(installer.venv)
    return frozenset(failed)


def _install_rest(installer: Installer, packages: list[str], report: Report) -> list[str]:
    """Install packages that no node requires, in the same version, and return those that failed."""
    rest = missing(packages, installer.venv)
    if not rest or installer.install("--no-deps", *rest, folder=installer.venv) is None:
        return []
    failed = [one for one in rest if installer.install("--no-deps", one, folder=installer.venv) is not None]
    if failed:
        report.note(f"These packages could not be installed for this image: {', '.join(failed)}.")
    return failed


def _left_out(node: str, why: str) -> Problem:
    return Problem(
        code="node_left_out",
        message=f"{node} is left out of this run, because its packages conflict with this image: {why}",
        remedy="Update or remove the node, or restart ComfyUI to try again.",
    )


def install_environment(place: Place, environment: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of ComfyUI and its nodes: this venv, and the caches on the volume."""
    path = environment.get("PATH", os.defpath)
    return {
        **environment,
        **cache_variables(place.cache, environment),
        "VIRTUAL_ENV": str(place.venv),
        "PATH": os.pathsep.join([str(place.venv / "bin"), path]),
    }
