"""One control plane with ComfyUI, an agents process and a stand-in for the model, for the tests of a module."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.support.assistant import set_up
from tests.support.comfyui.process import ComfyUI
from tests.support.comfyui_pod import comfyui, volume
from tests.support.control_plane import ControlPlane, running_control_plane
from tests.support.messages_api import MessagesApi, running_messages_api
from tests.support.process import free_port

__all__ = ["comfyui", "volume"]


@pytest.fixture(scope="module")
def api() -> Iterator[MessagesApi]:
    with running_messages_api() as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def pod(volume: Path, comfyui: ComfyUI, api: MessagesApi) -> AsyncIterator[ControlPlane]:
    async with running_control_plane(volume, comfyui_url=comfyui.url, agents_port=free_port()) as pod:
        await set_up(pod, api)
        yield pod
