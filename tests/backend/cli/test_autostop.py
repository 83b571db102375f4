"""A user looks at automatic stop from a shell."""

import pytest

from tests.support.command_line import CommandLine

pytestmark = pytest.mark.slow  # the test starts the command several times


def test_a_machine_that_nothing_can_stop(comfypod: CommandLine) -> None:
    assert comfypod.run("autostop").stdout.startswith("off: nothing here can stop the pod")
    assert comfypod.run("autostop", "off").returncode == 0
    refused = comfypod.run("autostop", "set", "30")
    assert refused.returncode == 1
    assert "set AUTOSTOP_COMMAND" in refused.stderr
