"""What nodes and tools write beside the volume is there again in the next pod."""

import json
import shutil
from pathlib import Path

import pytest

from scripts.workspace.layout import Layout
from tests.scripts.conftest import start
from tests.scripts.test_unusable_volume import break_volume


def bake(layout: Layout) -> Path:
    """Return a new container: the node as the image has it, which ships one folder and makes the rest when it runs."""
    node = layout.baked_nodes / "Node"
    shutil.rmtree(node, ignore_errors=True)
    (node / "user").mkdir(parents=True)
    (node / "__init__.py").touch()
    (node / "user" / "dirs.json").write_text("shipped")
    facts = layout.facts() | {"nodes": [{"name": "Node", "writes": ["user/", "ckpts/", "config.json"]}]}
    layout.image.write_text(json.dumps(facts))
    return node


def test_what_a_node_of_the_image_writes_is_there_in_the_next_pod(layout: Layout) -> None:
    node = bake(layout)
    assert start(layout).report["notes"] == []
    assert (node / "user" / "dirs.json").read_text() == "shipped"
    (node / "user" / "dirs.json").write_text("changed by its owner")
    (node / "user" / "words.txt").write_text("mine")
    (node / "ckpts" / "model.pt").write_text("weights")
    (node / "config.json").write_text("{}")
    start(layout)
    node = bake(layout)
    start(layout)
    assert (node / "user" / "dirs.json").read_text() == "changed by its owner"
    assert (node / "user" / "words.txt").read_text() == "mine"
    assert (node / "ckpts" / "model.pt").read_text() == "weights"
    assert (node / "config.json").read_text() == "{}"
    assert (layout.state / "nodes" / "Node" / "ckpts" / "model.pt").is_file()


def test_what_the_image_ships_reaches_a_volume_that_is_mended_only_later(layout: Layout) -> None:
    node = bake(layout)
    start(layout)
    shutil.rmtree(layout.state / "nodes")
    node = bake(layout)
    break_volume(layout)
    start(layout)
    (node / "ckpts" / "model.pt").write_text("weights")
    assert not (layout.state / "nodes").exists()
    (layout.comfyui / "output").unlink()
    start(layout)
    assert (layout.state / "nodes" / "Node" / "user" / "dirs.json").read_text() == "shipped"


def test_a_node_that_cannot_be_linked_is_named_and_comfyui_starts(layout: Layout) -> None:
    shutil.rmtree(bake(layout))
    (layout.baked_nodes / "Node").write_text("a file")
    started = start(layout)
    assert started.program
    assert "Node/user are lost with the pod" in started.report["notes"][0]


def test_workflows_that_custom_scripts_saves_beside_comfyui_stay_on_the_volume(layout: Layout) -> None:
    """Those of another image's volume too."""
    theirs = layout.comfyui / "pysssss-workflows" / "theirs.json"
    theirs.parent.mkdir(parents=True)
    theirs.write_text("{}")
    node = layout.comfyui / "custom_nodes" / "comfyui-custom-scripts"
    node.mkdir(parents=True)
    (node / "__init__.py").touch()
    for _ in range(2):
        assert start(layout).report["notes"] == []
        beside_the_code = layout.spare / "ComfyUI" / "pysssss-workflows"
        assert (beside_the_code / "theirs.json").read_text() == "{}"
        (beside_the_code / "mine.json").write_text("{}")
    assert (layout.comfyui / "pysssss-workflows" / "mine.json").read_text() == "{}"
    assert (layout.comfyui / "main.py").is_file()


def test_settings_and_extensions_of_code_server_are_there_in_the_next_pod(layout: Layout) -> None:
    (layout.tools / "code-server").mkdir()
    user = layout.home / ".local/share/code-server/User"
    user.mkdir(parents=True)  # it started first
    (user / "settings.json").write_text("first")
    start(layout)
    assert (user / "settings.json").read_text() == "first"
    (user / "settings.json").write_text("mine")
    shutil.rmtree(layout.home)
    start(layout)
    assert (user / "settings.json").read_text() == "mine"
    assert not (layout.home / ".jupyter").exists()


@pytest.mark.parametrize("own", ["", "/mnt/hub"])
def test_models_that_libraries_fetch_are_cached_on_the_volume_unless_their_owner_says_where(
    layout: Layout, own: str
) -> None:
    environment = start(layout, HF_HOME=own).environment
    assert environment["HF_HOME"] == (own or str(layout.state / "cache" / "huggingface"))
    for name in (
        "TORCHINDUCTOR_CACHE_DIR",
        "TRITON_CACHE_DIR",
        "TORCH_HOME",
        "U2NET_HOME",
        "TRANSPARENT_BACKGROUND_FILE_PATH",
        "UV_CACHE_DIR",
    ):
        assert Path(environment[name]).parent == layout.state / "cache"
