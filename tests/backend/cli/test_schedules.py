"""A user manages schedules from a shell."""

import pytest

from tests.support.command_line import CommandLine

pytestmark = pytest.mark.slow  # the test starts the command several times


def test_a_schedule_is_added_listed_paused_and_removed(comfypod: CommandLine) -> None:
    assert "No schedules" in comfypod.run("schedules", "ls").stderr
    added = comfypod.run(
        "schedules",
        "add",
        "nightly",
        "--cron",
        "0 3 * * *",
        "--template",
        "folder:cat",
        "--set",
        "prompt=a cat",
    )
    assert (added.returncode, "nightly runs next at" in added.stderr) == (0, True)
    assert "nightly\t0 3 * * *\tfolder:cat" in comfypod.run("schedules", "ls").stdout
    assert comfypod.run("schedules", "pause", "nightly").stderr == "Paused nightly.\n"
    assert "paused" in comfypod.run("schedules", "ls").stdout
    missing = comfypod.run("schedules", "run", "nightly")
    assert (missing.returncode, "no template `folder:cat`" in missing.stderr) == (1, True)
    assert comfypod.run("schedules", "rm", "nightly").stderr == "Removed nightly.\n"
    refused = comfypod.run("schedules", "add", "x", "--cron", "soon", "--template", "folder:cat")
    assert (refused.returncode, "five fields" in refused.stderr) == (1, True)
