"""A user's own tools: found, called and ended in processes of their own."""

from pathlib import Path

import pytest

from backend.agents import custom_tools
from backend.agents.custom_tools import CustomTools
from backend.agents.errors import ToolFailure

EXAMPLE = '''
import os
from typing import Literal

def area(width: int, height: int, unit: Literal["px", "cm"] = "px") -> dict:
    """Return the area of a picture."""
    print("this is no result")
    return {"area": width * height, "unit": unit}

async def secrets() -> list[str]:
    return [name for name in os.environ if "KEY" in name or "TOKEN" in name]

def crash():
    os._exit(3)

def hang():
    while True:
        pass

def _helper():
    pass
'''


@pytest.fixture
async def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CustomTools:
    monkeypatch.setenv("HF_TOKEN", "secret")
    (tmp_path / "pictures.py").write_text(EXAMPLE)
    (tmp_path / "broken.py").write_text("def f(:\n")
    tools = CustomTools(tmp_path)
    await tools.load()
    return tools


async def test_functions_become_tools_and_a_broken_file_says_why(tools: CustomTools) -> None:
    assert sorted(tools.tools) == ["area", "crash", "hang", "secrets"]
    area, _ = tools.tools["area"]
    assert (area.title, area.description, area.reads) == ("Area", "Return the area of a picture.", False)
    assert area.schema["required"] == ["width", "height"]
    assert area.schema["properties"]["unit"]["enum"] == ["px", "cm"]
    assert [problem.split(" (")[0] for problem in tools.problems] == [
        "tools/broken.py: SyntaxError: invalid syntax"
    ]


async def test_a_call_is_checked_and_gets_no_secrets(tools: CustomTools) -> None:
    assert await tools.call("area", {"width": 3, "height": 4}) == '{"area": 12, "unit": "px"}'
    assert await tools.call("secrets", {}) == "[]"
    with pytest.raises(ToolFailure, match="width"):
        await tools.call("area", {"width": "wide", "height": 4})


async def test_a_tool_that_ends_or_hangs_harms_nothing(
    tools: CustomTools, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ToolFailure, match="exit code 3"):
        await tools.call("crash", {})
    monkeypatch.setattr(custom_tools, "CALL_SECONDS", 1.0)
    with pytest.raises(ToolFailure, match="longer than 1 seconds"):
        await tools.call("hang", {})


async def test_a_changed_file_is_read_again(tools: CustomTools, tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_text("def repaired(text: str) -> str:\n    return text\n")
    (tmp_path / "pictures.py").unlink()
    await tools.load()
    assert (list(tools.tools), tools.problems) == (["repaired"], [])
