"""One control plane with the stand-in ComfyUI for all tests of a module, and the official SDK as its client."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from anyio.from_thread import start_blocking_portal
from comfy_sdk import AsyncComfy, Comfy

from tests.support.comfyui.process import ComfyUI, running
from tests.support.control_plane import ControlPlane, running_control_plane


@dataclass(frozen=True)
class Pod:
    plane: ControlPlane
    workspace: Path
    key: str
    comfyui: ComfyUI

    @property
    def url(self) -> str:
        return self.plane.url

    def http(self, key: str | None = None) -> httpx.Client:
        """Return a client for requests that the SDK does not make."""
        headers = {"Authorization": f"Bearer {key or self.key}"}
        return httpx.Client(base_url=f"{self.url}/api/v2", headers=headers, timeout=30, trust_env=False)


@pytest.fixture(scope="module")
def pod(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pod]:
    workspace = tmp_path_factory.mktemp("pod") / "workspace"
    with (
        running(ComfyUI(workspace / "ComfyUI").with_test_nodes()) as comfyui,
        start_blocking_portal() as portal,
        portal.wrap_async_context_manager(running_control_plane(workspace, comfyui_url=comfyui.url)) as plane,
    ):
        key = portal.call(plane.create_key, "read", "run")
        yield Pod(plane, workspace, key, comfyui)


@pytest.fixture(autouse=True)
def address(pod: Pod, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COMFY_BASE_URL", pod.url)
    monkeypatch.setenv("COMFY_API_KEY", pod.key)


@pytest.fixture
def sdk(address: None) -> Iterator[Comfy]:
    with Comfy() as client:
        yield client


@pytest.fixture
async def async_sdk(address: None) -> AsyncIterator[AsyncComfy]:
    async with asyncio.timeout(120), AsyncComfy() as client:
        yield client
