"""The control plane as a process: how it greets, refuses to start, and stops."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

from tests.support.process import ROOT, running_process


def test_it_says_where_it_is_and_what_the_generated_password_is(tmp_path: Path) -> None:
    with running_process({"WORKSPACE": str(tmp_path), "ACCESS_PASSWORD": ""}) as process:
        greeting = "".join(process.output)
        assert f"http://localhost:{process.port}" in greeting
        assert re.search(r"Generated password: \S{16}", greeting)
        # uvicorn ends by the signal that it was sent, after it has shut everything down.
        assert process.stop() == -signal.SIGTERM
        assert "Application shutdown complete" in "".join(process.output)


def test_a_bad_value_stops_the_start_with_a_sentence(tmp_path: Path) -> None:
    environment = {**os.environ, "WORKSPACE": str(tmp_path), "DOWNLOAD_WORKERS": "many"}
    done = subprocess.run(
        [sys.executable, "-m", "backend.main"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "Set DOWNLOAD_WORKERS to another value" in done.stderr
