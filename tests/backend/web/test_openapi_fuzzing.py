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
# Values at their limits make the most requests, so each test takes a share of the routes.
SHARES = 4
CONFIGURATION = PROJECT_ROOT / "tests/support/openapi_fuzzing/schemathesis.toml"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("password", "phases", "share", "shares"),
    [
        *(
            pytest.param(PASSWORD, "coverage", share, SHARES, id=f"owner-limits-of-every-value-{share}")
            for share in range(SHARES)
        ),
        pytest.param(PASSWORD, "fuzzing", 0, 1, id="owner-random"),
        # Requests that are refused before they are read need no values at their limits.
        pytest.param("", "fuzzing", 0, 1, id="anonymous-random"),
    ],
)
def test_generated_requests_get_documented_responses(
    password: str, phases: str, share: int, shares: int, workspace: Path, hub: Hub, tmp_path: Path
) -> None:
    document = tmp_path / "openapi.json"
    with control_plane_in_a_thread(workspace, **hub_settings(hub)) as control_plane:
        schema = json.loads(json.dumps(openapi_of(control_plane.app)))
        schema["paths"] = dict(list(schema["paths"].items())[share::shares])
        document.write_text(json.dumps(schema))
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
