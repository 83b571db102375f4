"""Applies the steps of the document one after the other. One that fails is reported, and the others are still applied.

Each applied step leaves a record on the volume, so that the next start, or one after a kill, continues where this one ended.
"""

import hashlib
import os
import time
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from backend.core.volume_lock import LockedElsewhere, volume_lock
from backend.provisioning.document import BadDocument, Document, read_document
from backend.provisioning.models import DOWNLOADED, Kind, RunReport, State, Step, StepStatus
from backend.provisioning.records import Records, write_report
from backend.provisioning.steps import steps_of
from scripts.nodes import checkout
from scripts.nodes.errors import NodeError
from scripts.nodes.git import Git
from scripts.nodes.packages import install_packages_of
from scripts.provision.apt import Apt, missing
from scripts.provision.source import Source, SourceError, read
from scripts.workspace.child import new_output
from scripts.workspace.install import Installer, install_environment
from scripts.workspace.layout import Layout, Place
from scripts.workspace.prepare import place_beside

# For one step, and for the wait until another pod on the volume has provisioned it.
DEFAULT_SECONDS = 900.0

NO_POD = "This machine is not a pod: only presets and files are downloaded here"

# Applies a step and returns None, or why it failed.
Apply = Callable[[Step, deque[str]], str | None]


class Provisioning:
    """One run of the document's steps."""

    def __init__(
        self,
        layout: Layout,
        place: Place,
        environment: Mapping[str, str],
        show: Callable[[str], None],
        *,
        again: bool = False,
        before_start: bool = True,
    ):
        """`environment` is ComfyUI's; `show` gets what is being done, for the page."""
        self._layout, self._place, self._show = layout, place, show
        self._environment = dict(environment)
        self._folder = place.state / "provision"
        self._records = Records(self._folder)
        self._report = RunReport(
            records=str(self._folder),
            again=again,
            before_start=before_start,
            process=os.getpid(),
            started_at=time.time(),
        )
        self._apply: dict[Kind, Apply] = {
            Kind.ENVIRONMENT: lambda _step, _output: None,
            Kind.APT: self._apt,
            Kind.PIP: self._pip,
            Kind.NODE: self._node,
        }

    def run(self, source: Source) -> dict[str, str]:
        """Apply the document, and return those of its variables that the pod does not have."""
        self._report.source = source.name
        self._save()
        try:
            with volume_lock(self._folder.with_name("provision.lock"), wait=DEFAULT_SECONDS):
                return self._run(source)
        except LockedElsewhere as error:
            self._reject(f"Another process ({error}) is provisioning this volume.")
        except OSError as error:
            self._reject(f"Provisioning cannot write to the volume: {error.strerror or error}.")
        finally:
            self._show("")
            self._report.finished_at = time.time()
            self._save()
        return {}

    def _run(self, source: Source) -> dict[str, str]:
        document = self._read(source)
        if document is None:
            return {}
        variables = {
            name: value for name, value in document.environment.items() if not self._environment.get(name)
        }
        self._environment |= variables
        steps = [step for step in steps_of(document) if step.kind not in DOWNLOADED]
        self._report.steps = [StepStatus(key=step.key, kind=step.kind, title=step.title) for step in steps]
        self._save()
        for index, step in enumerate(steps):
            self._step(index, step)
        return variables

    def _read(self, source: Source) -> Document | None:
        try:
            content, saved = read(source, self._folder)
            document = read_document(content)
        except SourceError as error:
            self._reject(str(error))
            return None
        except BadDocument as error:
            for mistake in error.mistakes:
                self._reject(f"{source.name}, {mistake}")
            return None
        self._report.document, self._report.sha256 = str(saved), hashlib.sha256(content).hexdigest()
        return document

    def _step(self, index: int, step: Step) -> None:
        target, began, waiting = self._target_of(step), time.monotonic(), self._report.steps[index]
        if not self._report.again and self._is_applied(step, target):
            self._update(index, replace(waiting, state=State.UNCHANGED))
            return
        self._update(index, replace(waiting, state=State.RUNNING))
        self._show(f"Provisioning, {_name(step)}: {step.title}.")
        output = new_output()
        try:
            why = self._apply[step.kind](step, output) if self._layout.image.exists() else NO_POD
        except OSError as error:
            why = f"{error.filename or 'The volume'} cannot be used: {error.strerror}"
        seconds = round(time.monotonic() - began, 1)
        state = State.FAILED if why else State.APPLIED
        if not why:
            with suppress(OSError):  # it is applied again at the next start
                self._records.save(step, target)
        print(f"provision: {_name(step)} ({step.title}): {why or state} after {seconds} s", flush=True)
        message = f"{why.rstrip('.')}." if why else ""
        done = replace(waiting, state=state, message=message, seconds=seconds, output=tuple(output))
        self._update(index, done)

    def _is_applied(self, step: Step, target: str) -> bool:
        """Debian packages are in the container, which has no record of theirs but dpkg's."""
        return not missing(step.content) if step.kind == Kind.APT else self._records.holds(step, target)

    def _target_of(self, step: Step) -> str:
        """Packages belong to one environment; another image has its own."""
        return self._place.venv.name if step.kind == Kind.PIP else ""

    def _apt(self, step: Step, output: deque[str]) -> str | None:
        apt = Apt(
            cache=self._place.state / "apt",
            environment=self._environment,
            deadline=self._deadline,
            output=output,
        )
        return apt.install(step.content)

    def _pip(self, step: Step, _output: deque[str]) -> str | None:
        return self._installer().install(*step.content, folder=self._place.base)

    def _node(self, step: Step, output: deque[str]) -> str | None:
        wanted = step.content
        git = Git(environment=self._environment, deadline=self._deadline, output=output)
        installer = self._installer()

        def prepare(folder: Path) -> None:
            install_packages_of(folder, installer, output)

        try:
            target = self._existing(wanted["folder"])
            if target is None:
                folder = self._place.base / "custom_nodes" / wanted["folder"]
                checkout.install(git, wanted["repository"], wanted["commit"], folder, prepare)
            elif not _is_checkout_of(git, target, wanted["repository"]):
                return f"{target} exists and is not a checkout of {wanted['repository']}. Rename or remove it"
            elif not checkout.update(git, target, wanted["commit"], prepare):
                prepare(target)  # a kill between the checkout and its packages
        except NodeError as error:
            return str(error)
        return None

    def _existing(self, name: str) -> Path | None:
        """Return the folder of this node, also where it is disabled or on a volume that is only read."""
        for folder in self._place.custom_nodes:
            for path in (
                folder / name,
                folder / f"{name}.disabled",
                *(folder / ".disabled").glob(f"{name}@*"),
            ):
                if path.exists():
                    return path
        return None

    def _installer(self) -> Installer:
        return Installer(
            uv=self._layout.spare / "venv" / "bin" / "uv",
            venv=self._place.venv,
            constraints=self._layout.constraints,
            environment=self._environment,
            deadline=self._deadline,
            step_seconds=limit_of(self._environment),
        )

    @property
    def _deadline(self) -> float:
        return time.monotonic() + limit_of(self._environment)

    def _reject(self, problem: str) -> None:
        self._report.problems.append(problem)
        print(f"provision: WARNING: {problem}", flush=True)
        self._save()

    def _update(self, index: int, status: StepStatus) -> None:
        self._report.steps[index] = status
        self._save()

    def _save(self) -> None:
        with suppress(OSError):
            write_report(self._layout.run, self._report)


def provision_now(layout: Layout, source: Source, environment: Mapping[str, str], *, again: bool) -> int:
    """Apply the document while ComfyUI runs. Return the exit code."""
    place = place_beside(layout)
    if place is None:
        return 1
    run = Provisioning(
        layout, place, install_environment(place, environment), _print, again=again, before_start=False
    )
    run.run(source)
    return 0


def _print(activity: str) -> None:
    if activity:
        print(activity, flush=True)


def limit_of(environment: Mapping[str, str]) -> float:
    """Return how many seconds one step may take."""
    try:
        seconds = float(environment.get("PROVISION_STEP_SECONDS") or DEFAULT_SECONDS)
    except ValueError:
        return DEFAULT_SECONDS
    return seconds if 0 < seconds < float("inf") else DEFAULT_SECONDS


NAMES = {
    Kind.APT: "Debian packages",
    Kind.PIP: "Python packages",
    Kind.NODE: "custom node",
    Kind.ENVIRONMENT: "variables",
}


def _name(step: Step) -> str:
    return NAMES[step.kind]


def _is_checkout_of(git: Git, folder: Path, repository: str) -> bool:
    if not checkout.is_checkout(folder):
        return False
    return checkout.is_same_repository(checkout.origin(git, folder), repository)
