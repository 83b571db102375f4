"""A stand-in with the node types that tests need, and a client of it."""

from collections.abc import AsyncIterator, Iterator

import httpx
import pytest

from backend.comfy.client import ComfyClient
from tests.support.comfyui.process import ComfyUI, running
from tests.support.process import free_port


@pytest.fixture(scope="module")
def comfyui(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ComfyUI]:
    with running(ComfyUI(tmp_path_factory.mktemp("comfyui")).with_test_nodes()) as comfyui:
        yield comfyui


@pytest.fixture
async def comfy(comfyui: ComfyUI) -> AsyncIterator[ComfyClient]:
    async with httpx.AsyncClient() as client:
        yield ComfyClient(comfyui.url, client)


@pytest.fixture
def closed_port() -> int:
    return free_port()
