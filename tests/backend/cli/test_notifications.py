"""A user adds, tests and removes channels in a shell."""

import json
import os

import pytest

from tests.support.command_line import CommandLine

pytestmark = pytest.mark.slow  # the test starts the command several times


def with_input(comfypod: CommandLine, text: str, *arguments: str) -> str:
    """Return what a refused command says that reads a pipe."""
    reader, writer = os.pipe()
    os.write(writer, text.encode())
    os.close(writer)
    with comfypod.start(*arguments, stdin=reader) as command:
        os.close(reader)
        _, errors = command.communicate(timeout=60)
    assert command.wait() == 1
    return errors


def test_channels_in_a_shell(comfypod: CommandLine) -> None:
    assert "No channels." in comfypod.run("notifications", "ls").stderr
    refused = with_input(
        comfypod, "http://127.0.0.1:9/secret\n", *["notifications", "add", "Hook", "--kind", "webhook"]
    )
    assert "private address" in refused
    assert comfypod.run("notifications", "add", "Tab", "--kind", "browser").returncode == 0
    (channel,) = json.loads(comfypod.run("notifications", "ls", "--json").stdout)
    assert (channel["name"], channel["target"]) == ("Tab", "open pages")
    failed = comfypod.run("notifications", "test", "Tab")
    assert (failed.returncode, failed.stderr.startswith("Not delivered: No browser")) == (1, True)
    assert comfypod.run("notifications", "rm", "Tab").returncode == 0
