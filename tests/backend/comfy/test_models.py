"""ComfyUI is asked which models and nodes it knows."""

from pathlib import Path

import httpx
import pytest

from backend.comfy.client import ComfyClient
from backend.comfy.errors import Unreachable
from tests.support.comfyui.process import ComfyUI

PACKAGE = """
class Mine:
    RETURN_TYPES = ()

    @classmethod
    def INPUT_TYPES(cls):
        return {"required": {}}


NODE_CLASS_MAPPINGS = {"A/B ü": Mine}
"""


async def test_it_lists_the_files_of_a_folder(comfyui: ComfyUI, comfy: ComfyClient) -> None:
    add_model(comfyui, "vae/ae.safetensors")
    assert "ae.safetensors" in await comfy.models.files("vae")
    assert "vae" in await comfy.models.kinds()


@pytest.mark.parametrize("folder", ["no-such-folder", "..", "vae/../../etc"])
async def test_a_folder_that_it_does_not_know_holds_nothing(comfy: ComfyClient, folder: str) -> None:
    assert await comfy.models.files(folder) == []


async def test_a_file_that_has_just_arrived_is_offered_at_once(comfyui: ComfyUI, comfy: ComfyClient) -> None:
    assert not await comfy.models.offers("vae", "new.safetensors")
    add_model(comfyui, "vae/new.safetensors")
    add_model(comfyui, "vae/below/ink.safetensors")
    assert await comfy.models.offers("vae", "new.safetensors")
    assert await comfy.models.offers("vae/below", "ink.safetensors")
    assert not await comfy.models.offers("vae", "ink.safetensors")


async def test_node_types_are_described_and_unknown_ones_left_out(
    comfyui: ComfyUI, comfy: ComfyClient
) -> None:
    add_model(comfyui, "vae/ae.safetensors")
    found = await comfy.node_types.describe(["VAELoader", "UNETLoader", "SaveImage", "NoSuchNode", ".."])
    assert set(found) == {"VAELoader", "UNETLoader", "SaveImage"}
    assert "ae.safetensors" in found["VAELoader"].menus["vae_name"]
    assert found["UNETLoader"].menus["weight_dtype"] == ("default", "fp8_e4m3fn")
    assert (found["VAELoader"].module, found["VAELoader"].outputs) == ("nodes", ("VAE",))
    assert (found["SaveImage"].is_output, found["VAELoader"].is_output) == (True, False)


async def test_node_types_of_an_installed_package_are_known_after_a_restart(
    comfyui: ComfyUI, comfy: ComfyClient
) -> None:
    name = "A/B ü"
    assert await comfy.node_types.describe([name]) == {}
    assert name not in await comfy.node_types.summaries()
    package = comfyui.base / "custom_nodes/comfy-extra"
    package.mkdir()
    (package / "__init__.py").write_text(PACKAGE)
    comfyui.stop()
    comfyui.start()
    assert (await comfy.node_types.describe([name]))[name].module == "custom_nodes.comfy-extra"
    assert (await comfy.node_types.summaries())[name].module == "custom_nodes.comfy-extra"


async def test_what_a_node_takes_is_asked_for_once(comfyui: ComfyUI, comfy: ComfyClient) -> None:
    """Menus of files are the price, and `fresh` is the way out."""
    before = await comfy.node_types.describe(["VAELoader"])
    add_model(comfyui, "vae/late.safetensors")
    assert await comfy.node_types.describe(["VAELoader"]) == before
    fresh = await comfy.node_types.describe(["VAELoader"], fresh=True)
    assert "late.safetensors" in fresh["VAELoader"].menus["vae_name"]
    assert await comfy.node_types.describe(["VAELoader"]) == fresh


async def test_a_process_has_one_id_for_every_client_and_the_next_process_another(
    comfyui: ComfyUI, comfy: ComfyClient
) -> None:
    async with httpx.AsyncClient() as client:
        other = ComfyClient(comfyui.url, client)
        first = await comfy.process.current()
        assert await other.process.current() == await comfy.process.current() == first
        comfyui.kill()
        comfyui.start()
        second = await other.process.current()
        assert second != first
        assert await comfy.process.current() == second


async def test_a_comfyui_that_is_not_there_is_unreachable(closed_port: int) -> None:
    async with httpx.AsyncClient() as client:
        comfy = ComfyClient(f"http://127.0.0.1:{closed_port}", client)
        assert not await comfy.server.is_up()
        with pytest.raises(Unreachable, match="ComfyUI does not answer"):
            await comfy.models.files("vae")


def add_model(comfyui: ComfyUI, path: str) -> None:
    file: Path = comfyui.base / "models" / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.touch()
