"""What the server costs before it is used, and how much of it a key may use."""

import subprocess
import sys

import pytest

from backend.core.errors import TooManyRequests
from backend.mcp.limits import DAY, MINUTE, CallLimits
from tests.support.process import ROOT


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_calls_are_limited_by_minute_day_and_number_at_once() -> None:
    clock = Clock()
    limits = CallLimits(a_minute=2, a_day=3, at_once=1, clock=clock)
    limits.start("a")
    with pytest.raises(TooManyRequests, match="the most at once"):
        limits.start("a")
    limits.start("b")
    limits.end("a")
    limits.start("a")
    limits.end("a")
    with pytest.raises(TooManyRequests, match="in a minute"):
        limits.start("a")
    clock.now = MINUTE
    limits.start("a")
    limits.end("a")
    with pytest.raises(TooManyRequests, match="today"):
        limits.start("a")
    clock.now = DAY
    limits.start("a")


def test_nothing_of_the_sdk_is_loaded_before_the_first_request() -> None:
    code = (
        "import sys, backend.main.app; from backend.main.features import FEATURES; "
        "print([name for name in ('mcp', 'mcp_types', 'httpx2', 'jsonschema') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
