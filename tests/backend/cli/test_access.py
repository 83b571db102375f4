"""A user manages API keys and sessions from a shell."""

import httpx
import pytest

from tests.support.command_line import CommandLine
from tests.support.control_plane import ControlPlane

pytestmark = pytest.mark.slow  # the test starts the command several times


def test_a_key_is_created_used_and_revoked(comfypod: CommandLine, plane: ControlPlane) -> None:
    created = comfypod.run("keys", "create", "backup", "--scope", "read", "--days", "7")
    assert created.returncode == 0
    headers = {"X-API-Key": created.stdout.strip()}
    assert httpx.get(f"{plane.url}/api/presets", headers=headers).status_code == 200
    assert "backup\tread\t" in comfypod.run("keys", "list").stdout
    assert comfypod.run("keys", "revoke", "backup").stderr == "Revoked backup.\n"
    assert httpx.get(f"{plane.url}/api/presets", headers=headers).status_code == 401
    refused = comfypod.run("keys", "revoke", "backup")
    assert refused.returncode == 1
    assert "No API key named 'backup'" in refused.stderr
    assert comfypod.run("activity").returncode == 0
    assert "(this command)" in comfypod.run("sessions", "list").stdout


def test_a_command_leaves_no_session(comfypod: CommandLine, plane: ControlPlane) -> None:
    assert comfypod.run("presets", "list").returncode == 0
    assert comfypod.run("presets", "show", "unknown").returncode == 1
    headers = {"Authorization": plane.client.headers["Authorization"]}
    sessions = httpx.get(f"{plane.url}/api/sessions", headers=headers).json()["sessions"]
    assert [session["current"] for session in sessions] == [True]
