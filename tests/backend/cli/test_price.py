"""A user names the price of the pod in a shell."""

import json

import pytest

from tests.support.command_line import CommandLine

pytestmark = pytest.mark.slow  # the test starts the command several times


def test_the_price_is_set_shown_and_deleted(comfypod: CommandLine) -> None:
    assert comfypod.run("price").stdout == "no price\n"
    assert comfypod.run("price", "set", "0.345", "--currency", "eur").stdout.startswith("€0.345 per hour, ")
    assert json.loads(comfypod.run("price", "--json").stdout)["per_hour"] == 0.345
    assert comfypod.run("price", "off").stdout == "no price\n"
    assert comfypod.run("price", "set", "--", "-1").returncode == 1
