"""Finds the custom nodes that ComfyUI could not import, in the log of its current run."""

import asyncio
import re
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from pathlib import Path

from backend.system.comfyui_runs import Runs
from backend.system.logs import generations
from backend.system.models import FailedNode

# The service writes this line at each start, just before ComfyUI's own output.
START = "workspace: ready in "
REASON = re.compile(r"Cannot import (.+?) module for custom nodes: (.*)")
FAILED = re.compile(r"\d seconds \((?:PRESTARTUP|IMPORT) FAILED\): (.+)")
ERROR = re.compile(r"^([A-Z]\w*(?:Error|Exception|Warning)): .+")
MAX_ERROR_LENGTH = 300


class NodeImports:
    """Reads the log once for each run of ComfyUI, when it has become ready: it may consist of 20 MB."""

    def __init__(self, log: Path, clean: Callable[[str], str]):
        self._log = log
        self._clean = clean
        self._run: datetime | None = None
        self._failed: list[FailedNode] = []

    async def failed(self, runs: Runs | None) -> list[FailedNode]:
        """Return the nodes of the current run that failed; none while ComfyUI is starting."""
        if runs is None or not runs.ready or runs.started_at is None:
            return []
        if runs.started_at != self._run:
            self._failed = await asyncio.to_thread(self._read)
            self._run = runs.started_at
        return self._failed

    def _read(self) -> list[FailedNode]:
        return failures_in(self._clean(line) for line in _lines(self._log))


def failures_in(lines: Iterable[str]) -> list[FailedNode]:
    """Return the failures of the last run, with the reason where the log has one."""
    found: dict[str, str] = {}
    error = ""
    for line in lines:
        if START in line:
            found, error = {}, ""
        elif reason := REASON.search(line):
            explained = reason[2] if reason[2] not in ("", "see above") else error
            found[_name(reason[1])] = explained[:MAX_ERROR_LENGTH]
        elif failed := FAILED.search(line):
            found.setdefault(_name(failed[1]), "")
        elif raised := ERROR.match(line):
            error = raised[0]
    return [FailedNode(name=name, error=error) for name, error in sorted(found.items())]


def _name(path: str) -> str:
    return path.strip().rstrip("/").rpartition("/")[2]


def _lines(log: Path) -> Iterator[str]:
    for file in generations(log):
        try:
            with file.open(errors="replace") as lines:
                yield from (line.rstrip("\n") for line in lines)
        except FileNotFoundError:  # rotated meanwhile
            continue
