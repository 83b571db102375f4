"""A command finds its control plane and signs in."""

import json
import socket
from pathlib import Path

import httpx
import pytest

from tests.support.command_line import CommandLine
from tests.support.control_plane import PASSWORD, ControlPlane
from tests.support.hub import Hub
from tests.support.process import Process, free_port, running_process

pytestmark = pytest.mark.slow  # each test starts the command several times


@pytest.fixture
def outside(plane: ControlPlane, environment: dict[str, str], tmp_path: Path) -> CommandLine:
    """Return a command that knows only the address of the control plane."""
    return CommandLine({**environment, "COMFYPOD_URL": plane.url}, tmp_path)


def test_the_generated_password_is_found(alone: CommandLine, environment: dict[str, str]) -> None:
    with running_process(environment) as plane:
        assert alone.run("presets", "list", "upscaler", PORT=str(plane.port)).returncode == 0


def test_without_a_password_it_says_what_to_set(outside: CommandLine, plane: ControlPlane) -> None:
    refused = outside.run("presets", "list")
    assert refused.returncode == 1
    assert f"{plane.url}/ wants a password. Set ACCESS_PASSWORD to it, or COMFYPOD_TOKEN" in refused.stderr


def test_with_a_wrong_password_it_says_so(outside: CommandLine) -> None:
    refused = outside.run("presets", "list", ACCESS_PASSWORD="wrong")
    assert refused.returncode == 1
    assert "wants another password" in refused.stderr


def test_with_the_password_it_signs_in(outside: CommandLine) -> None:
    assert outside.run("presets", "list", ACCESS_PASSWORD=PASSWORD).returncode == 0


def test_a_valid_token_is_enough(outside: CommandLine, plane: ControlPlane) -> None:
    answer = httpx.post(f"{plane.url}/api/auth/login", json={"password": PASSWORD})
    token = answer.json()["access_token"]
    assert outside.run("presets", "list", COMFYPOD_TOKEN=token).returncode == 0
    refused = outside.run("presets", "list", COMFYPOD_TOKEN=token[:-4])
    assert refused.returncode == 1
    assert "Take COMFYPOD_TOKEN out of the environment" in refused.stderr


def test_on_a_terminal_it_prompts_for_the_password_without_echo(
    outside: CommandLine, plane: ControlPlane
) -> None:
    with outside.terminal("presets", "list", "upscaler") as terminal:
        terminal.wait_for(f"Password of the pod at {plane.url}/: ")  # the space follows once echo is off
        terminal.type(f"{PASSWORD}\n")
        assert terminal.exit_code() == 0
        assert "realesrgan-x4" in terminal.text
        assert PASSWORD not in terminal.text


def test_after_too_many_guesses_the_command_says_how_long_to_wait(
    outside: CommandLine, plane: ControlPlane
) -> None:
    for _ in range(20):
        httpx.post(f"{plane.url}/api/auth/login", json={"password": "guess"})
    refused = outside.run("presets", "list", ACCESS_PASSWORD=PASSWORD)
    assert refused.returncode == 1
    assert "Too many wrong passwords. Try again in" in refused.stderr


def test_an_address_without_a_server_is_named(alone: CommandLine) -> None:
    refused = alone.run("presets", "list", COMFYPOD_URL=f"http://127.0.0.1:{free_port()}")
    assert refused.returncode == 1
    assert "Correct COMFYPOD_URL" in refused.stderr


def test_an_address_of_another_server_is_named(alone: CommandLine, hub: Hub) -> None:
    for variables in ({"COMFYPOD_URL": hub.url}, {"PORT": hub.url.rpartition(":")[2]}):
        refused = alone.run("presets", "list", **variables)
        assert refused.returncode == 1
        assert "is no control plane. Set COMFYPOD_URL" in refused.stderr


def test_an_invalid_variable_is_named(alone: CommandLine) -> None:
    refused = alone.run("presets", "list", COMFYPOD_URL="nonsense", DOWNLOAD_WORKERS="nonsense")
    assert refused.returncode == 2
    assert "Set COMFYPOD_URL to another value" in refused.stderr
    listed = alone.run("presets", "list", DOWNLOAD_WORKERS="nonsense")
    assert listed.returncode == 0
    assert "DOWNLOAD_WORKERS has a value that cannot be used" in listed.stderr


def test_in_a_pod_the_command_waits_for_the_control_plane(
    alone: CommandLine, environment: dict[str, str], workspace: Path
) -> None:
    supervisor = Path(environment["SUPERVISOR_SOCKET"])
    supervisor.parent.mkdir(parents=True)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(supervisor))
        with alone.start("presets", "list", "upscaler", "--json") as command:
            process = Process(environment)
            process.port = int(environment["PORT"])
            process.start()
            try:
                output, complaints = command.communicate(timeout=60)
            finally:
                process.stop()
    assert (command.returncode, complaints) == (0, "")
    assert json.loads(output)
    assert not (workspace / ".comfypod/command-line.log").exists()
