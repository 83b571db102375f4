"""Collect the state of the pod for the overview."""

import asyncio
import json
import time
from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

from backend import __version__
from backend.core.disk import disk_of
from backend.system.cgroup import Cgroup
from backend.system.comfyui import ComfyStatus, problems_of
from backend.system.database_watch import DatabaseWatch
from backend.system.gpu_watch import GpuWatch
from backend.system.hooks import problems_of_hooks, read_hooks
from backend.system.models import (
    Accelerator,
    Gpu,
    HookRun,
    Problem,
    SystemView,
    Workspace,
)
from backend.system.services import Services


class System:
    """The machine, its services, and the reports of the boot scripts."""

    def __init__(
        self,
        workspace: Path,
        run_folder: Path,
        comfy: ComfyStatus,
        services: Services,
        database: DatabaseWatch,
        variables: Iterable[str] = (),
    ):
        """`variables` are messages about variables with unusable values."""
        self._workspace = workspace
        self._run_folder = run_folder
        self._comfy = comfy
        self._services = services
        self._database = database
        self._variables = [Problem(code="bad_variable", message=sentence) for sentence in variables]
        self._gpus = GpuWatch()
        self._cgroup = Cgroup()
        self._started = time.monotonic()

    async def snapshot(self) -> SystemView:
        services, (gpus, answering) = await asyncio.gather(self._services.all(), self._gpus.read())
        comfyui = await self._comfy.read(services)
        hooks = self.hooks()
        disk = await asyncio.to_thread(disk_of, self._workspace)
        return SystemView(
            version=__version__,
            uptime_seconds=int(time.monotonic() - self._started),
            cpu_percent=self._cgroup.cpu_percent(),
            memory=self._cgroup.memory(),
            disk=disk,
            accelerator=self._accelerator(gpus, answering),
            comfyui=comfyui,
            services=services,
            workspace=self.workspace_report(),
            hooks=hooks,
            problems=[
                *self._variables,
                *self._tls_problems(),
                *self._database.problems,
                *problems_of(comfyui),
                *problems_of_hooks(hooks),
            ],
        )

    async def gpus(self) -> list[Gpu]:
        """Return the GPUs; the last known values while the driver does not answer."""
        gpus, _ = await self._gpus.read()
        return gpus

    async def problems(self) -> list[Problem]:
        """Return why the control plane cannot work; empty when it is ready."""
        return await asyncio.to_thread(self._problems_of_workspace) or await self._database.check()

    def _problems_of_workspace(self) -> list[Problem]:
        try:
            self._workspace.mkdir(parents=True, exist_ok=True)
            TemporaryFile(dir=self._workspace).close()
        except OSError as error:
            reason = f"{self._workspace} cannot be written to: {error.strerror}."
            return [
                Problem(
                    code="workspace_not_writable",
                    message=reason,
                    remedy="Check the volume and its permissions.",
                )
            ]
        return []

    def workspace_report(self) -> Workspace | None:
        report = self._report("workspace.json")
        return Workspace.model_validate(report) if report else None

    def hooks(self) -> list[HookRun]:
        """Return the user's hooks at ComfyUI's newest start."""
        return read_hooks(self._run_folder, self._services.clean)

    def why_comfyui_waits(self) -> str | None:
        """Return what the preparation of the workspace is doing, or why it failed."""
        report = self.workspace_report()
        if report and report.activity:
            return report.activity
        if report and report.state == "failed" and report.problems:
            return f"{report.problems[0].message} {report.problems[0].remedy}"
        return None

    def _accelerator(self, gpus: list[Gpu], answering: bool) -> Accelerator:
        """Return the boot scripts' verdict with current values of the devices."""
        report = self._report("accelerator.json")
        if report:
            kind, verdict, message = report["kind"], report["verdict"], report["message"]
        elif gpus:
            kind, verdict, message = "cuda", "ok", f"{gpus[0].name} is ready."
        elif answering:
            kind, verdict = "cpu", "no_gpu"
            message = "No NVIDIA GPU was found: ComfyUI runs on the CPU."
        else:
            kind, verdict, message = "cpu", "no_answer", "The NVIDIA driver does not answer."
        return Accelerator(kind=kind, verdict=verdict, message=message, devices=gpus, answering=answering)

    def _tls_problems(self) -> list[Problem]:
        """Return why the user's certificate is not in use."""
        message = (self._report("tls.json") or {}).get("problem")
        return [Problem(code="tls", message=message)] if message else []

    def _report(self, name: str) -> dict[str, Any] | None:
        try:
            content = json.loads((self._run_folder / name).read_bytes())
        except (OSError, ValueError):
            return None
        return content if isinstance(content, dict) else None
