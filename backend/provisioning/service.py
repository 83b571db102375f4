"""Reports what the boot scripts apply, applies presets and files, and starts a run on request."""

import asyncio
import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import structlog

from backend.activity.service import Activity
from backend.core.async_tools import cancel_and_wait
from backend.core.boot_scripts import run_script
from backend.core.errors import Conflict, NotFound
from backend.provisioning.downloaded import DownloadedSteps
from backend.provisioning.models import DOWNLOADED, RunReport, State, Step, StepStatus
from backend.provisioning.records import REPORT, Records, is_running, read_report
from backend.provisioning.schemas import CheckView, MistakeView, ProvisioningView, StepView

log = structlog.get_logger(__name__)

# Beside the report: identifies the newest run that the activity log contains.
NOTED = "provision-noted"


class Provisioning:
    """The provisioning document of this pod."""

    def __init__(
        self,
        run_folder: Path,
        workspace: Path,
        downloaded: DownloadedSteps,
        activity: Activity,
        clean: Callable[[str], str],
    ):
        """`clean` masks secrets in the output of programs."""
        self._run_folder, self._workspace = run_folder, workspace
        self._downloaded, self._activity, self._clean = downloaded, activity, clean
        self._report: RunReport | None = None
        self._stamp: int | None = None
        self._begun = 0.0
        self._run_task: asyncio.Task[None] | None = None
        self._checking = asyncio.Lock()

    async def view(self) -> ProvisioningView:
        await self._catch_up()
        report = self._report or RunReport()
        statuses = [*report.steps, *self._downloaded.statuses]
        boot_runs = is_running(report) or self._is_starting
        changed = any(step.state == State.APPLIED for step in report.steps)
        return ProvisioningView(
            source=report.source,
            sha256=report.sha256,
            problems=[self._clean(problem) for problem in report.problems],
            steps=[self._step_view(status) for status in statuses],
            running=boot_runs or self._downloaded.is_active,
            interrupted=bool(report.started_at) and report.finished_at is None and not boot_runs,
            needs_restart=changed and not report.before_start and not boot_runs,
            started_at=_moment(report.started_at),
            finished_at=_moment(report.finished_at),
        )

    def busy_reason(self) -> str | None:
        """Return what runs, for automatic stop."""
        boot_runs = self._is_starting or (self._report is not None and is_running(self._report))
        return "provision.yaml is being applied." if boot_runs or self._downloaded.is_active else None

    @property
    def failures(self) -> int:
        """Return the number of failed steps; an unusable document counts as one."""
        report = self._report or RunReport()
        failed = [step for step in (*report.steps, *self._downloaded.statuses) if step.state == State.FAILED]
        return len(failed) + bool(report.problems)

    async def run(self, *, again: bool) -> ProvisioningView:
        """Apply the document while ComfyUI runs. Raise Conflict when it is already being applied."""
        await self._catch_up()
        if self._is_starting or (self._report and is_running(self._report)):
            raise Conflict(
                "The document is being applied already. Wait until that has ended.", code="running"
            )
        if not (self._workspace / "provision.yaml").exists() and not os.environ.get("PROVISION_URL"):
            raise NotFound(
                f"There is no document. Write {self._workspace}/provision.yaml, or set PROVISION_URL.",
                code="no_document",
            )
        self._activity.note("provision.started", "again" if again else "")
        self._run_task = asyncio.create_task(self._run(again=again))
        return await self.view()

    async def check(self) -> None:
        """Read the boot scripts' report if it has changed, and apply presets and files."""
        async with self._checking:
            await self._read()
            for status in await self._downloaded.advance():
                if status.state == State.FAILED:
                    self._activity.note("provision.failed", status.title, reason=status.message)

    async def _catch_up(self) -> None:
        """Read a new report. A check may have to hash a model, so nothing waits for it."""
        if not self._checking.locked():
            async with self._checking:
                await self._read()

    async def close(self) -> None:
        if self._run_task:
            await cancel_and_wait(self._run_task)

    @property
    def _is_starting(self) -> bool:
        return self._run_task is not None and not self._run_task.done()

    async def _run(self, *, again: bool) -> None:
        """Run the boot scripts' part as a child process, which may take long and ends with the control plane."""
        code = await run_script(
            ["scripts.workspace", "provision", *(["again"] if again else [])],
            workspace=self._workspace,
            run_folder=self._run_folder,
            on_line=lambda line: log.info("provisioning", line=self._clean(line)),
        )
        if code:
            log.warning("provisioning ended early", exit_code=code)
        await self.check()

    async def _read(self) -> None:
        stamp = _stamp_of(self._run_folder / REPORT)
        if stamp == self._stamp:
            return
        self._stamp = stamp
        report = self._report = await asyncio.to_thread(read_report, self._run_folder)
        if report is None:
            return
        if report.document and report.started_at != self._begun:
            self._begun = report.started_at
            steps = await asyncio.to_thread(_downloads_of, Path(report.document))
            await self._downloaded.begin(steps, Records(Path(report.records)), again=report.again)
        if report.finished_at is not None:
            self._note(report)

    def _note(self, report: RunReport) -> None:
        """Record a finished run in the activity log, once, even when the control plane restarts."""
        mark, run = self._run_folder / NOTED, str(report.started_at)
        try:
            if mark.exists() and mark.read_text() == run:
                return
            mark.write_text(run)
        except OSError:
            return
        for problem in report.problems:
            self._activity.note("provision.failed", report.source, reason=problem)
        for step in report.steps:
            if step.state == State.FAILED:
                self._activity.note("provision.failed", step.title, reason=step.message)
            if step.state == State.APPLIED:
                self._activity.note("provision.applied", step.title)

    def _step_view(self, status: StepStatus) -> StepView:
        return StepView(
            key=status.key,
            kind=status.kind,
            title=status.title,
            state=status.state,
            message=self._clean(status.message),
            seconds=status.seconds,
            output=[self._clean(line) for line in status.output],
        )


def check_document(content: bytes) -> CheckView:
    """Check a document: return its mistakes, or its steps. Nothing is applied."""
    from backend.provisioning.document import BadDocument, read_document  # noqa: PLC0415 - few pods have one
    from backend.provisioning.steps import steps_of  # noqa: PLC0415

    try:
        steps = steps_of(read_document(content))
    except BadDocument as error:
        mistakes = [MistakeView(line=mistake.line, message=mistake.message) for mistake in error.mistakes]
        return CheckView(mistakes=mistakes, steps=[])
    return CheckView(mistakes=[], steps=[f"{step.kind}: {step.title}" for step in steps])


def _downloads_of(document: Path) -> list[Step]:
    from backend.provisioning.document import BadDocument, read_document  # noqa: PLC0415 - as above
    from backend.provisioning.steps import steps_of  # noqa: PLC0415

    try:
        return [step for step in steps_of(read_document(document.read_bytes())) if step.kind in DOWNLOADED]
    except (OSError, BadDocument):
        return []


def _stamp_of(path: Path) -> int | None:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return None


def _moment(seconds: float | None) -> datetime | None:
    return datetime.fromtimestamp(seconds, UTC) if seconds else None
