"""Writes tool calls to the activity log."""

import time
from collections.abc import Callable

from backend.activity.models import Detail
from backend.activity.service import Activity
from backend.auth.principal import current_principal
from backend.auth.tools import Tool
from backend.web.metrics import Metrics

# Assistants look again and again: of the calls that only read, one a minute is recorded for each tool and principal.
READ_SECONDS = 60.0
MAX_REMEMBERED = 2000


class CallRecorder:
    def __init__(self, activity: Activity, metrics: Metrics, clock: Callable[[], float] = time.monotonic):
        self._activity, self._metrics = activity, metrics
        self._clock = clock
        self._reads: dict[tuple[str, str], float] = {}

    def record(self, tool: Tool, *, milliseconds: int, request_id: str, error: str | None) -> None:
        """Note a call with its correlation id; the current principal made it."""
        outcome = "succeeded" if error is None else "failed"
        self._metrics.observe(
            "comfypod_tool_seconds",
            "Seconds of a tool call.",
            milliseconds / 1000,
            tool=tool.name,
            outcome=outcome,
        )
        if error is None and tool.read_only and not self._is_due(tool.name):
            return
        details: dict[str, Detail] = {"ms": milliseconds, "request_id": request_id}
        if error is not None:
            details["error"] = error
        self._activity.note("tool.called" if error is None else "tool.failed", tool.name, **details)

    def _is_due(self, name: str) -> bool:
        key, now = (current_principal().label, name), self._clock()
        if now - self._reads.get(key, -READ_SECONDS) < READ_SECONDS:
            return False
        if len(self._reads) >= MAX_REMEMBERED:
            self._reads.clear()
        self._reads[key] = now
        return True
