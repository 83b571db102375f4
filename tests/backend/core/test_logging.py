"""Tracebacks in the log contain no values of variables."""

import subprocess
import sys

import pytest

from tests.support.process import ROOT

PROGRAM = """
import structlog
from backend.core.logging import configure_logging

def ask_hub(header):
    raise RuntimeError("the hub said no")

configure_logging("info", "FORMAT")
try:
    ask_hub("Bearer " + "_".join(["hf", "secret"]))
except RuntimeError:
    structlog.get_logger("backend.test").exception("unhandled error")
"""


@pytest.mark.parametrize("log_format", ["json", "console"])
def test_a_traceback_shows_lines_but_no_values(log_format: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.replace("FORMAT", log_format)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "in ask_hub" in done.stdout
    assert "the hub said no" in done.stdout
    assert "hf_secret" not in done.stdout
