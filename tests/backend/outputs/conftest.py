"""A control plane whose outputs several tests use, each with files of its own."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.support.control_plane import ControlPlane, running_control_plane


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def pod(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[ControlPlane]:
    async with running_control_plane(tmp_path_factory.mktemp("workspace")) as pod:
        yield pod


@pytest.fixture
def outputs(pod: ControlPlane) -> Path:
    folder = pod.settings.workspace / "ComfyUI/output"
    folder.mkdir(parents=True, exist_ok=True)
    return folder
