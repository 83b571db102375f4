"""Generated requests, valid and invalid, to every documented operation: responses keep to the OpenAPI document."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from backend.config.settings import PROJECT_ROOT
from backend.main.openapi import openapi_of
from tests.backend.conftest import hub_settings
from tests.support.control_plane import PASSWORD, control_plane_in_a_thread
from tests.support.hub import Hub

PROGRAM = Path(sys.executable).with_name("schemathesis")
CONFIGURATION = PROJECT_ROOT / "tests/support/openapi_fuzzing/schemathesis.toml"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("password", "phases"),
    [
        pytest.param(PASSWORD, "coverage", id="owner-limits-of-every-value"),
        pytest.param(PASSWORD, "fuzzing", id="owner-random"),
        # Requests that are refused before they are read need no values at their limits.
        pytest.param("", "fuzzing", id="anonymous-random"),
    ],
)
def test_generated_requests_get_documented_responses(
    password: str, phases: str, workspace: Path, hub: Hub, tmp_path: Path
) -> None:
    document = tmp_path / "openapi.json"
    with control_plane_in_a_thread(workspace, **hub_settings(hub)) as control_plane:
        document.write_text(json.dumps(openapi_of(control_plane.app)))
        options = ["--url", control_plane.url, "--phases", phases]
        run = subprocess.run(
            [PROGRAM, "--config-file", CONFIGURATION, "run", *options, document],
            cwd=tmp_path,
            env={
                **os.environ,
                "PYTHONPATH": str(PROJECT_ROOT),
                "CONTROL_PLANE_URL": control_plane.url,
                "OWNER_PASSWORD": password,
            },
            capture_output=True,
            text=True,
            check=False,
        )
    assert run.returncode == 0, run.stdout + run.stderr
