"""A hub and a control plane for every test that asks for one."""

import os
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from backend.storage import index
from tests.support.control_plane import ControlPlane, running_control_plane
from tests.support.hub import Hub, running_hub


@pytest.fixture(autouse=True)
def _local_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the index compare times with the disk at every request.

    A busy machine makes its disk look like a network volume, whose changes are noticed later.
    """
    monkeypatch.setattr(index, "FAST_SECONDS", 60)


@pytest.fixture
def hub() -> Iterator[Hub]:
    with running_hub() as running:
        running.tokens.add("hf_secret_token")
        yield running


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    return tmp_path / "workspace"


@pytest.fixture
async def pod(workspace: Path, hub: Hub) -> AsyncIterator[ControlPlane]:
    """Yield a control plane whose hub is our own."""
    async with running_control_plane(workspace, **hub_settings(hub)) as plane:
        yield plane


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Return a folder on a file system of 8 MB."""
    if os.geteuid() != 0:
        pytest.skip("mounting a small file system needs root")
    folder = tmp_path / "small"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(folder)], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def hub_settings(hub: Hub) -> dict[str, object]:
    return {
        "hf_endpoint": hub.url,
        "hf_token": "hf_secret_token",
        "civitai_endpoint": hub.civitai_url,
        "download_allowed_hosts": hub.cdn_hosts,
    }
