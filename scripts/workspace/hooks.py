"""Runs the user's own scripts around ComfyUI's start: `hooks/before-comfyui.d/*`, and `hooks/after-comfyui.d/*` once it listens.

A hook that fails is reported and delays nothing further.
"""

import json
import os
import socket
import subprocess
import sys
import time
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from scripts.workspace.child import new_output, run_child
from scripts.workspace.layout import Layout
from scripts.workspace.report import write_json

BEFORE, AFTER = "before-comfyui", "after-comfyui"
DEFAULT_SECONDS = 300.0
# How long hooks of the second kind wait for ComfyUI, which may install packages of nodes first.
READY_SECONDS = 1800.0
POLL_SECONDS = 0.5
IGNORED_SUFFIXES = (".disabled", ".bak", "~")


@dataclass(frozen=True, kw_only=True)
class HookRun:
    """One hook, as `hooks.json` reports it."""

    name: str
    # `before-comfyui` or `after-comfyui`
    stage: str
    # waiting, running, done, failed or timed_out
    state: str = "waiting"
    exit_code: int | None = None
    seconds: float = 0.0
    output: tuple[str, ...] = ()


class Hooks:
    """The hooks of one start of ComfyUI."""

    def __init__(self, layout: Layout, environment: Mapping[str, str]):
        self._folder = layout.workspace / "hooks"
        self._report = layout.run / "hooks.json"
        self._environment = environment

    def begin(self) -> None:
        """Report every hook as waiting."""
        self._save(
            [HookRun(name=path.name, stage=stage) for stage in (BEFORE, AFTER) for path in self.files(stage)]
        )

    def files(self, stage: str) -> list[Path]:
        """Return the hooks in the order in which they run."""
        try:
            entries = sorted((self._folder / f"{stage}.d").iterdir())
        except OSError:
            return []
        return [
            path
            for path in entries
            if path.is_file() and not path.name.startswith(".") and not path.name.endswith(IGNORED_SUFFIXES)
        ]

    def run(self, stage: str) -> None:
        for path in self.files(stage):
            self._run(path, stage)

    def _run(self, path: Path, stage: str) -> None:
        hook, began = HookRun(name=path.name, stage=stage, state="running"), time.monotonic()
        print(f"hooks: {stage}.d/{path.name} begins", flush=True)
        self._update(hook)
        output: deque[str] = new_output()
        state, code = self._wait(path, output)
        seconds = round(time.monotonic() - began, 1)
        self._update(replace(hook, state=state, exit_code=code, seconds=seconds, output=tuple(output)))
        print(f"hooks: {stage}.d/{path.name} {_ending(state, code)} after {seconds} s", flush=True)

    def _wait(self, path: Path, output: deque[str]) -> tuple[str, int | None]:
        try:
            code = run_child(
                _command(path),
                folder=self._folder.parent,
                environment=self._environment,
                seconds=limit_of(self._environment),
                output=output,
            )
        except OSError as error:
            output.append(f"{path} cannot be run: {error.strerror}.")
            return "failed", None
        if code is None:
            return "timed_out", None
        return ("failed" if code else "done"), code

    def _update(self, changed: HookRun) -> None:
        runs = [
            changed if (run["stage"], run["name"]) == (changed.stage, changed.name) else run
            for run in read(self._report)
        ]
        self._save(runs)

    def _save(self, runs: list[Any]) -> None:
        with suppress(OSError):
            write_json(self._report, {"hooks": [asdict(r) if isinstance(r, HookRun) else r for r in runs]})


def read(report: Path) -> list[dict[str, Any]]:
    try:
        runs: list[dict[str, Any]] = json.loads(report.read_text())["hooks"]
    except (OSError, ValueError, KeyError, TypeError):
        return []
    return runs


def limit_of(environment: Mapping[str, str]) -> float:
    """Return how many seconds a hook may run."""
    try:
        seconds = float(environment.get("HOOK_SECONDS") or DEFAULT_SECONDS)
    except ValueError:
        return DEFAULT_SECONDS
    return seconds if 0 < seconds < float("inf") else DEFAULT_SECONDS


def start_after_hooks(layout: Layout, hooks: Hooks, environment: Mapping[str, str]) -> None:
    """Start a process that runs the other hooks once ComfyUI listens. This process becomes ComfyUI.

    A shell between them ends at once, so that the container's first process waits for it in place of ComfyUI. It stays
    in the service's process group and ends with it.
    """
    if not hooks.files(AFTER):
        return
    ours = {**environment, "RUN_DIR": str(layout.run), "WORKSPACE": str(layout.workspace)}
    command = ["sh", "-c", '"$@" &', "sh", sys.executable, "-m", "scripts.workspace", "after-hooks"]
    subprocess.run(command, env=ours, check=False)


def run_after_hooks(hooks: Hooks, port: int) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while not _listens(port):
        if _service_has_ended():
            return  # its next start has hooks of its own
        if time.monotonic() > deadline:
            print("hooks: ComfyUI does not listen, so after-comfyui.d is not run", flush=True)
            return
        time.sleep(POLL_SECONDS)
    hooks.run(AFTER)


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), POLL_SECONDS).close()
    except OSError:
        return False
    return True


def _service_has_ended() -> bool:
    """Return whether the process that became ComfyUI, the leader of this group, is gone."""
    try:
        os.kill(os.getpgrp(), 0)
    except ProcessLookupError:
        return True
    return False


def _command(path: Path) -> list[str]:
    """Network volumes may not have permission bits, so a script that cannot be executed is run by bash."""
    return [str(path)] if os.access(path, os.X_OK) else ["bash", str(path)]


def _ending(state: str, code: int | None) -> str:
    return {"done": "is done", "timed_out": "was ended"}.get(state, f"failed with exit code {code}")
