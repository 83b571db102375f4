"""A user's own scripts run before ComfyUI starts and after it listens."""

import json
import socket
from pathlib import Path
from typing import Any

import pytest

from scripts.workspace.hooks import AFTER, DEFAULT_SECONDS, Hooks, limit_of, run_after_hooks
from scripts.workspace.layout import Layout
from tests.scripts.conftest import start


def write_hook(layout: Layout, stage: str, name: str, script: str, mode: int = 0o755) -> None:
    path = layout.workspace / "hooks" / f"{stage}.d" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(script)
    path.chmod(mode)


def report(layout: Layout) -> dict[str, dict[str, Any]]:
    return {run["name"]: run for run in json.loads((layout.run / "hooks.json").read_text())["hooks"]}


def test_hooks_run_in_order_in_comfyuis_environment(layout: Layout) -> None:
    write_hook(layout, "before-comfyui", "20-second", "#!/bin/sh\necho second $VIRTUAL_ENV\n")
    write_hook(layout, "before-comfyui", "10-first.sh", "echo first; pwd\n", mode=0o644)
    write_hook(layout, "before-comfyui", "15-not.sh.disabled", "touch should-not-exist\n")
    started = start(layout)
    lines = started.output.splitlines()
    venv = layout.venvs / "py3-first"
    assert lines.index("first") < lines.index(f"second {venv}")
    assert str(layout.workspace) in lines
    assert [(name, run["state"]) for name, run in report(layout).items()] == [
        ("10-first.sh", "done"),
        ("20-second", "done"),
    ]
    assert not (layout.workspace / "should-not-exist").exists()


def test_a_hook_that_fails_or_hangs_is_reported_and_comfyui_starts(layout: Layout) -> None:
    write_hook(layout, "before-comfyui", "1-fails", "#!/bin/sh\necho it went wrong\nexit 7\n")
    write_hook(layout, "before-comfyui", "2-hangs", "#!/bin/sh\necho waiting\nsleep 1000\n")
    write_hook(layout, "before-comfyui", "3-broken", "#!/no/such/program\n")
    write_hook(layout, "before-comfyui", "4-works", "#!/bin/sh\nexit 0\n")
    started = start(layout, HOOK_SECONDS="0.5")
    assert started.arguments
    runs = report(layout)
    assert (runs["1-fails"]["state"], runs["1-fails"]["exit_code"]) == ("failed", 7)
    assert runs["1-fails"]["output"] == ["it went wrong"]
    assert runs["2-hangs"]["state"] == "timed_out"
    assert (runs["3-broken"]["state"], runs["4-works"]["state"]) == ("failed", "done")


def test_the_other_hooks_run_once_comfyui_listens(layout: Layout, tmp_path: Path) -> None:
    write_hook(layout, "after-comfyui", "1-hello", f"#!/bin/sh\ntouch {tmp_path}/ran\n")
    hooks = Hooks(layout, {"PATH": "/usr/bin:/bin"})
    hooks.begin()
    assert report(layout)["1-hello"]["state"] == "waiting"
    with socket.create_server(("127.0.0.1", 0)) as server:
        run_after_hooks(hooks, server.getsockname()[1])
    assert (tmp_path / "ran").exists()
    assert report(layout)["1-hello"]["state"] == "done"
    assert [path.name for path in hooks.files(AFTER)] == ["1-hello"]


def test_safe_mode_runs_no_hooks(layout: Layout) -> None:
    write_hook(layout, "before-comfyui", "1-fails", "exit 7\n")
    assert start(layout, SAFE_MODE="1").arguments
    assert not (layout.run / "hooks.json").exists()


@pytest.mark.parametrize("seconds", ["", "many", "0", "inf"])
def test_an_unusable_limit_counts_as_the_default(seconds: str) -> None:
    assert limit_of({"HOOK_SECONDS": seconds}) == DEFAULT_SECONDS
