"""A user looks at the services of the pod from a shell."""

from pathlib import Path

import pytest

from tests.backend.system.test_comfyui_crashes import SAGE, report
from tests.support.command_line import CommandLine
from tests.support.supervisor import running_supervisor

pytestmark = pytest.mark.slow  # the test starts the command several times


def test_the_reason_of_a_crash_is_printed_and_comfyui_started(comfypod: CommandLine, workspace: Path) -> None:
    with running_supervisor(workspace / "run/supervisor.sock", comfyui="EXITED") as supervisor:
        report(workspace, exits=5, output=SAGE, code=255, restart_in=None)
        shown = comfypod.run("services")
        assert shown.stdout == "comfyui\tfatal\t\t\t3001\n"
        assert "ComfyUI crashed 5 times in a row (exit code 255" in shown.stderr
        assert "pip install sageattention" in shown.stderr
        assert comfypod.run("services", "start", "comfyui").stderr == "ComfyUI: starting.\n"
        assert supervisor.calls == [("start", "comfyui")]
    assert "No supervisor runs here" in comfypod.run("services").stderr
