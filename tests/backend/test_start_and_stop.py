"""The control plane as a process: how it greets, refuses to start, and stops."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from tests.support.process import ROOT, free_port, running_process

pytestmark = pytest.mark.slow  # each test starts processes


def test_it_says_where_it_is_and_what_the_generated_password_is(tmp_path: Path) -> None:
    with running_process({"WORKSPACE": str(tmp_path), "ACCESS_PASSWORD": ""}, forked=False) as process:
        greeting = "".join(process.output)
        assert f"http://localhost:{process.port}" in greeting
        assert re.search(r"Generated password: \S{16}", greeting)
        # uvicorn ends by the signal that it was sent, after it has shut everything down.
        assert process.stop() == -signal.SIGTERM
        assert "Application shutdown complete" in "".join(process.output)


def test_a_bad_value_of_something_vital_stops_the_start_with_a_sentence(tmp_path: Path) -> None:
    environment = {**os.environ, "WORKSPACE": str(tmp_path), "PORT": "many"}
    done = subprocess.run(
        [sys.executable, "-m", "backend.main"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "Set PORT to another value" in done.stderr


def test_a_bad_value_of_anything_else_is_told_by_a_pod_that_runs(tmp_path: Path) -> None:
    variables = {"WORKSPACE": str(tmp_path), "ACCESS_PASSWORD": "open sesame\n", "DOWNLOAD_WORKERS": "many"}
    told = "DOWNLOAD_WORKERS has a value that cannot be used"
    with running_process(variables) as process, httpx.Client(base_url=process.url) as owner:
        assert told in "".join(process.output)
        assert owner.post("/api/auth/login", json={"password": "open sesame"}).status_code == 200
        (problem,) = owner.get("/api/system").json()["problems"]
        assert problem["code"] == "bad_variable"
        assert problem["message"].startswith(told)
        assert told in owner.get("/", headers={"Accept": "text/html"}).text


def test_a_short_password_works_and_the_page_warns_about_it(tmp_path: Path) -> None:
    variables = {"WORKSPACE": str(tmp_path), "ACCESS_PASSWORD": "1234567"}
    warning = "ACCESS_PASSWORD has fewer than 8 characters"
    with running_process(variables) as process, httpx.Client(base_url=process.url) as owner:
        assert warning in "".join(process.output)
        assert owner.post("/api/auth/login", json={"password": "1234567"}).status_code == 200
        owner.get("/api/system")  # a sample, which pages do not wait for
        assert warning in owner.get("/", headers={"Accept": "text/html"}).text


def test_in_a_pod_that_cannot_start_the_page_says_why(tmp_path: Path) -> None:
    """The supervisor would start it again for ever."""
    port = free_port()
    variables = {"SUPERVISOR_ENABLED": "1", "WORKSPACE": str(tmp_path), "ACCESS_PASSWORD": "x" * 2000}
    with subprocess.Popen(
        [sys.executable, "-m", "backend.main"],
        cwd=ROOT,
        env={**os.environ, **variables, "PORT": str(port)},
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stderr
        assert b"Set ACCESS_PASSWORD to another value" in process.stderr.readline()
        with httpx.Client(transport=httpx.HTTPTransport(retries=5)) as visitor:
            answer = visitor.get(f"http://127.0.0.1:{port}/downloads")
        process.terminate()
    assert (answer.status_code, "ACCESS_PASSWORD" in answer.text) == (503, True)
    assert "xxx" not in answer.text
