"""Lists custom nodes and runs one operation on them at a time."""

import asyncio
import re
from pathlib import Path

import structlog

from backend.activity.service import Activity
from backend.core import clock
from backend.core.async_tools import cancel_and_wait
from backend.core.boot_scripts import run_script
from backend.core.errors import Conflict, NotFound
from backend.nodes.folders import read_nodes
from backend.nodes.models import Action, CustomNode, Operation, Origin, State
from backend.nodes.schemas import NAME, NodesView, NodeView, OperationView
from backend.system.comfyui import ComfyStatus
from backend.system.models import FailedNode
from backend.system.services import Services

log = structlog.get_logger(__name__)

# Longer than the program's own limit, whose error message is better.
LIMIT_SECONDS = 960.0


class Nodes:
    """The custom nodes of this pod."""

    def __init__(
        self,
        workspace: Path,
        run_folder: Path,
        baked: Path,
        comfyui: ComfyStatus,
        services: Services,
        activity: Activity,
    ):
        """`baked` is the folder of the image's own nodes."""
        self._workspace, self._run_folder, self._baked = workspace, run_folder, baked
        self._comfyui, self._services, self._activity = comfyui, services, activity
        self._operation: Operation | None = None
        self._task: asyncio.Task[None] | None = None
        self._changed = False

    async def view(self) -> NodesView:
        nodes = await asyncio.to_thread(read_nodes, self._workspace / "ComfyUI" / "custom_nodes", self._baked)
        comfyui = await self._comfyui.read(await self._services.all())
        failed = {node.name.removesuffix(".py"): node for node in comfyui.failed_nodes}
        return NodesView(
            nodes=[_node_view(node, failed.get(node.name.removesuffix(".py"))) for node in nodes],
            operation=self._operation_view(),
            needs_restart=self._needs_restart(),
        )

    async def install(self, source: str, commit: str, name: str) -> NodesView:
        arguments = [*(["--version", commit] if commit else []), *(["--folder", name] if name else [])]
        return await self._begin(Action.INSTALL, source.strip(), arguments)

    async def update(self, name: str, version: str = "") -> NodesView:
        await self._find(name)
        return await self._begin(Action.UPDATE, name, ["--version", version] if version else [])

    async def disable(self, name: str) -> NodesView:
        await self._find(name)
        return await self._begin(Action.DISABLE, name)

    async def enable(self, name: str) -> NodesView:
        await self._find(name)
        return await self._begin(Action.ENABLE, name)

    async def remove(self, name: str, *, force: bool = False) -> NodesView:
        await self._find(name)
        return await self._begin(Action.REMOVE, name, ["--force"] if force else [])

    def busy_reason(self) -> str | None:
        """Return what runs, for automatic stop."""
        is_running = self._operation is not None and self._operation.state == State.RUNNING
        return "A custom node is being changed." if is_running else None

    async def close(self) -> None:
        if self._task:
            await cancel_and_wait(self._task)

    async def _find(self, name: str) -> None:
        """Raise NotFound or Conflict when the node cannot be changed."""
        nodes = await asyncio.to_thread(read_nodes, self._workspace / "ComfyUI" / "custom_nodes", self._baked)
        node = next((node for node in nodes if node.name == name), None)
        if node is None:
            raise NotFound(f"No custom node is named '{name[:100]}'. The Nodes page shows all.")
        if node.origin == Origin.IMAGE:
            raise Conflict(
                f"{name} is part of the image. Install another version of it, which then replaces it.",
                code="node_of_image",
            )

    async def _begin(self, action: Action, name: str, arguments: list[str] | None = None) -> NodesView:
        if self._operation and self._operation.state == State.RUNNING:
            raise Conflict(
                f"{self._operation.name[:100]} is being changed. Wait until that has ended.", code="running"
            )
        operation = self._operation = Operation(action=action, name=name, started_at=clock.now())
        self._task = asyncio.create_task(self._run(operation, arguments or []))
        return await self.view()

    async def _run(self, operation: Operation, arguments: list[str]) -> None:
        command = ["scripts.nodes", operation.action.value, *arguments, "--", operation.name]
        code = 1
        try:
            async with asyncio.timeout(LIMIT_SECONDS):
                code = await run_script(
                    command,
                    workspace=self._workspace,
                    run_folder=self._run_folder,
                    on_line=lambda line: operation.log.append(self._services.clean(line)),
                )
        except TimeoutError:
            operation.log.append("It took too long and was ended. Try again.")
        finally:
            self._end(operation, code)

    def _end(self, operation: Operation, code: int) -> None:
        """Record the result: the last line of the program's output is its message."""
        operation.state = State.FAILED if code else State.DONE
        operation.message = operation.log.pop() if operation.log else "It was ended."
        operation.finished_at = clock.now()
        details = {"reason": operation.message} if code else {}
        kind = "failed" if code else operation.action.value
        self._activity.note(f"node.{kind}", operation.name, **details)
        log.info("custom node", action=operation.action.value, node=operation.name, result=operation.message)
        self._changed = self._changed or not code

    def _needs_restart(self) -> bool:
        """Return whether a node has changed since ComfyUI's last start."""
        operation, runs = self._operation, self._services.runs()
        if not self._changed or operation is None or operation.finished_at is None or runs is None:
            return False
        if runs.started_at and runs.started_at > operation.finished_at:
            self._changed = False
        return self._changed

    def _operation_view(self) -> OperationView | None:
        operation = self._operation
        if operation is None:
            return None
        return OperationView(
            action=operation.action,
            name=operation.name,
            state=operation.state,
            message=operation.message,
            log=list(operation.log),
            started_at=operation.started_at,
            finished_at=operation.finished_at,
        )


def _node_view(node: CustomNode, failed: FailedNode | None) -> NodeView:
    is_failed = failed is not None and node.enabled
    return NodeView(
        name=node.name,
        origin=node.origin,
        enabled=node.enabled,
        version=node.version,
        branch=node.branch,
        repository=node.repository,
        changeable=node.origin != Origin.IMAGE and re.fullmatch(NAME, node.name) is not None,
        failed=is_failed,
        error=failed.error if failed and is_failed else "",
    )
