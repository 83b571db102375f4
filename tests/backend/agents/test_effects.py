"""What the user reads before deciding about a call."""

import pytest

from backend.agents.effects import effect_of
from backend.agents.tools import ToolInfo


def tool(name: str, *, destructive: bool = False) -> ToolInfo:
    return ToolInfo(name=name, title="Some tool", description="", destructive=destructive)


def test_a_patch_is_described_line_by_line() -> None:
    operations = [{"op": "set_input", "node": "5", "input": "steps", "value": 20}] * 25
    lines = effect_of(tool("workflows_patch"), {"operations": operations}).text.split("\n")
    assert lines[0] == "Makes a new version of the workflow with 25 changes. The present version stays."
    assert lines[1] == "set_input: node=5, input=steps, value=20"
    assert lines[-1] == "and 5 more changes"


@pytest.mark.parametrize(
    ("name", "arguments", "text", "cost"),
    [
        ("workflows_run", {"runs": [{}, {}]}, "Queues 2 jobs", "GPU time"),
        ("models_install", {"url": "https://x/y", "folder": "vae"}, "https://x/y", "Disk space"),
        ("services_act", {"name": "comfyui", "action": "restart"}, "Restarts the service", "interrupted"),
        ("workflows_save", {"path": "a.json", "overwrite": True}, "Overwrites a.json", ""),
        ("jobs_cancel", {"job_ids": ["a", "b"]}, "a, b", "lost"),
    ],
)
def test_effect_and_cost_are_named(name: str, arguments: dict[str, object], text: str, cost: str) -> None:
    effect = effect_of(tool(name), arguments)
    assert text in effect.text
    assert cost in effect.cost


@pytest.mark.parametrize("arguments", [{}, {"operations": None}, {"operations": [1]}, {"operations": [{}]}])
def test_arguments_that_are_wrong_are_described_by_the_tool(arguments: dict[str, object]) -> None:
    assert effect_of(tool("workflows_patch"), arguments).text == "Some tool."


def test_an_unknown_destructive_tool_warns() -> None:
    assert "overwrite or delete" in effect_of(tool("other", destructive=True), {}).text
