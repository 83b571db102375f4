"""Fixtures: one control plane with a ComfyUI for the tests of a module."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.support.comfyui.process import ComfyUI, running
from tests.support.control_plane import ControlPlane, running_control_plane


@pytest.fixture(scope="module")
def volume(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("volume")


@pytest.fixture(scope="module")
def comfyui(volume: Path) -> Iterator[ComfyUI]:
    with running(ComfyUI(volume / "ComfyUI").with_test_nodes()) as comfyui:
        yield comfyui


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def pod(volume: Path, comfyui: ComfyUI) -> AsyncIterator[ControlPlane]:
    async with running_control_plane(volume, comfyui_url=comfyui.url) as pod:
        yield pod
