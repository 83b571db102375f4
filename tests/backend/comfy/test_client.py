"""ComfyUI is asked what it sees."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest

from backend.comfy.client import ComfyClient
from backend.core.errors import Unavailable
from tests.support.comfyui.process import running_comfyui


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    base = tmp_path_factory.mktemp("comfyui")
    (base / "models/vae").mkdir(parents=True)
    (base / "models/loras/style").mkdir(parents=True)
    (base / "models/vae/ae.safetensors").touch()
    (base / "models/loras/style/ink.safetensors").touch()
    (base / "custom_nodes/comfy-extra").mkdir(parents=True)
    (base / "custom_nodes/comfy-extra/__init__.py").write_text('NODE_CLASS_MAPPINGS = {"A/B ü": object}\n')
    return base


@pytest.fixture(scope="module")
def url(base: Path) -> Iterator[str]:
    with running_comfyui(base) as url:
        yield url


@pytest.fixture
async def comfy(url: str) -> AsyncIterator[ComfyClient]:
    async with httpx.AsyncClient() as client:
        yield ComfyClient(url, client)


async def test_it_lists_the_files_of_a_folder(comfy: ComfyClient) -> None:
    assert await comfy.models("vae") == ["ae.safetensors"]
    assert {"vae", "loras"} <= set(await comfy.model_folders())


@pytest.mark.parametrize("folder", ["no-such-folder", "..", "vae/../../etc"])
async def test_a_folder_that_it_does_not_know_holds_nothing(comfy: ComfyClient, folder: str) -> None:
    assert await comfy.models(folder) == []


async def test_a_file_that_it_sees_is_offered(comfy: ComfyClient) -> None:
    assert await comfy.offers("vae", "ae.safetensors")
    assert await comfy.offers("loras/style", "ink.safetensors")
    assert not await comfy.offers("loras", "ink.safetensors")
    assert not await comfy.offers("vae", "other.safetensors")


async def test_a_file_that_has_just_arrived_is_offered_at_once(comfy: ComfyClient, base: Path) -> None:
    assert not await comfy.offers("vae", "new.safetensors")
    (base / "models/vae/new.safetensors").touch()
    assert await comfy.offers("vae", "new.safetensors")
    (base / "models/vae/new.safetensors").unlink()


async def test_node_types_are_described_and_unknown_ones_left_out(comfy: ComfyClient) -> None:
    found = await comfy.node_types(["VAELoader", "UNETLoader", "NoSuchNode", "A/B ü", ".."])
    assert set(found) == {"VAELoader", "UNETLoader", "A/B ü"}
    assert found["VAELoader"].menus == {"vae_name": ("ae.safetensors",)}
    assert found["UNETLoader"].menus["weight_dtype"] == ("default", "fp8_e4m3fn")
    assert found["A/B ü"].module == "custom_nodes.comfy-extra"


async def test_a_comfyui_that_is_not_there_is_said_to_be_unavailable() -> None:
    async with httpx.AsyncClient() as client:
        comfy = ComfyClient("http://127.0.0.1:9", client)
        assert not await comfy.is_up()
        with pytest.raises(Unavailable, match="ComfyUI does not answer"):
            await comfy.models("vae")
