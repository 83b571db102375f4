"""Fixtures: a hub, a control plane, and the command with and without it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.backend.conftest import hub_settings
from tests.support.command_line import CommandLine
from tests.support.control_plane import PASSWORD, ControlPlane, control_plane_in_a_thread
from tests.support.hub import Hub
from tests.support.process import free_port


@pytest.fixture
def environment(hub: Hub, workspace: Path) -> dict[str, str]:
    """Return the variables that a control plane and a command share on one machine."""
    return {
        "WORKSPACE": str(workspace),
        "STATE_DIR": "",
        "RUN_DIR": str(workspace / "run"),
        "SUPERVISOR_SOCKET": str(workspace / "run/supervisor.sock"),
        "LOG_DIR": str(workspace / "logs"),
        "ACCESS_PASSWORD": "",
        "COMFYPOD_URL": "",
        "COMFYPOD_TOKEN": "",
        "HF_ENDPOINT": hub.url,
        "HF_TOKEN": "hf_secret_token",
        "CIVITAI_ENDPOINT": hub.civitai_url,
        "DOWNLOAD_ALLOWED_HOSTS": ",".join(hub.cdn_hosts),
        "DOWNLOAD_RETRY_SECONDS": "0.01",
        "COMFYUI_URL": "http://127.0.0.1:9",
        "PORT": str(free_port()),
    }


@pytest.fixture
def alone(environment: dict[str, str], tmp_path: Path) -> CommandLine:
    """Return the command on a machine without a control plane."""
    return CommandLine(environment, tmp_path)


@pytest.fixture
def plane(hub: Hub, workspace: Path) -> Iterator[ControlPlane]:
    with control_plane_in_a_thread(workspace, **hub_settings(hub)) as running:
        yield running


@pytest.fixture
def comfypod(environment: dict[str, str], plane: ControlPlane, tmp_path: Path) -> CommandLine:
    """Return the command on the machine of a control plane, with its password in the environment."""
    port = plane.url.rpartition(":")[2]
    return CommandLine({**environment, "PORT": port, "ACCESS_PASSWORD": PASSWORD}, tmp_path)


@pytest.fixture
def models(workspace: Path) -> Path:
    return workspace / "ComfyUI/models"
