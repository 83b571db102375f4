"""The state of ComfyUI: whether it answers, why it crashed, which custom nodes failed."""

from backend.comfy.client import ComfyClient
from backend.comfy.errors import ComfyError
from backend.system.comfyui_runs import COMFYUI, Runs
from backend.system.crash_causes import cause_of, ending, relevant_lines
from backend.system.models import ComfyState, Crash, Problem, Service
from backend.system.node_imports import NodeImports
from backend.system.services import Services

MAX_NAMES = 10


class ComfyStatus:
    """Combines the supervisor's report, the log, and ComfyUI's own answer."""

    def __init__(self, comfy: ComfyClient, services: Services):
        self._comfy = comfy
        self._services = services
        self._imports = NodeImports(services.log_path(COMFYUI), services.clean)

    async def read(self, services: list[Service]) -> ComfyState:
        """Return the state, given the state of all services."""
        state = next((service.state for service in services if service.name == COMFYUI), "unknown")
        runs = self._services.runs() if services else None
        crash = self.crash(runs)
        failed = await self._imports.failed(runs)
        try:
            stats = await self._comfy.server.stats()
        except ComfyError:
            return ComfyState(up=False, version=None, state=state, crash=crash, failed_nodes=failed)
        version = stats.system.comfyui_version or None
        return ComfyState(up=True, version=version, state=state, crash=None, failed_nodes=failed)

    def why_down(self) -> str | None:
        """Return the last crash and its remedy in sentences; None unless ComfyUI is down because of it."""
        crash = self.crash(self._services.runs())
        return f"{crash.message} {crash.remedy}" if crash else None

    def crash(self, runs: Runs | None) -> Crash | None:
        """Return the last crash, unless ComfyUI works again."""
        if runs is None or not runs.exits or runs.ready:
            return None
        last = runs.exits[-1]
        lines = relevant_lines(self._services.clean(runs.output))
        cause = cause_of(last.code, lines)
        return Crash(
            at=last.at,
            exit_code=last.code,
            message=_message(runs) + (f" {cause.reason}" if cause.reason else ""),
            remedy=cause.remedy + (" Then start it again on the Services page." if runs.stays_down else ""),
            lines=lines,
            count=len(runs.exits),
            restart_at=runs.restart_at,
            stays_down=runs.stays_down,
        )


def problems_of(comfyui: ComfyState) -> list[Problem]:
    """Return what a user has to know about ComfyUI."""
    problems = [comfyui.crash.as_problem()] if comfyui.crash else []
    if comfyui.failed_nodes:
        problems.append(_failed_nodes(comfyui))
    return problems


def _message(runs: Runs) -> str:
    last, times = runs.exits[-1], len(runs.exits)
    again = f" {times} times in a row" if times > 1 else ""
    when = f"{last.seconds:.0f} s after its start" + ("" if last.was_ready else ", before it was ready")
    down = " It is not started again by itself." if runs.stays_down else ""
    return f"ComfyUI crashed{again} ({ending(last.code)}, {when}).{down}"


def _failed_nodes(comfyui: ComfyState) -> Problem:
    names = [node.name for node in comfyui.failed_nodes]
    noun = "custom node" if len(names) == 1 else "custom nodes"
    shown = ", ".join(names[:MAX_NAMES]) + (", …" if len(names) > MAX_NAMES else "")
    return Problem(
        code="nodes_failed",
        message=f"ComfyUI could not import {len(names)} {noun}: {shown}.",
        remedy="The Services page shows the reasons. Update, repair or remove them in ComfyUI-Manager.",
    )
