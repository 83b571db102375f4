"""All tools of a turn: those of the pod, and the user's own."""

from typing import Any

from backend.agents.custom_tools import CustomTools
from backend.agents.pod import Pod
from backend.agents.tools import ToolInfo


class Toolbox:
    """The tools of the pod take precedence: a tool of the user cannot replace one of them."""

    def __init__(self, pod: Pod, custom: CustomTools):
        self._pod = pod
        self._custom = custom
        self._tools: dict[str, ToolInfo] = {}
        self._of_pod: set[str] = set()

    async def load(self) -> None:
        """Load the tools of the pod, and files that have changed. Raise PodAway or PodRefuses."""
        of_pod = {tool.name: tool for tool in await self._pod.tools()}
        await self._custom.load()
        self._of_pod = set(of_pod)
        self._tools = {name: tool for name, (tool, _) in self._custom.tools.items()} | of_pod

    @property
    def tools(self) -> list[ToolInfo]:
        return list(self._tools.values())

    @property
    def problems(self) -> list[str]:
        """Return one line for each file that cannot be used, and for each tool whose name is taken."""
        taken = sorted(self._of_pod & set(self._custom.tools))
        return [
            *self._custom.problems,
            *(f"tools: the pod has a tool named `{name}` already." for name in taken),
        ]

    def find(self, name: str) -> ToolInfo | None:
        return self._tools.get(name)

    async def call(self, name: str, arguments: dict[str, Any]) -> str:
        """Call a tool once. Raise ToolFailure, PodAway or PodRefuses."""
        if name in self._of_pod:
            return await self._pod.call(name, arguments)
        return await self._custom.call(name, arguments)
