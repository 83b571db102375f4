"""A newer image: the packages of the user's nodes come back, and a node that cannot have its own is left out."""

import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts.workspace.layout import Layout
from scripts.workspace.prepare import prepare
from tests.scripts.conftest import LOCK_ID, ROOT, SERVICE, Start, environment_of, set_lock_id, start
from tests.support.coverage import unmeasured
from tests.support.package_index import Index

pytestmark = pytest.mark.slow  # each test builds environments and installs into them


@pytest.fixture
def index(tmp_path: Path) -> Iterator[Index]:
    index = Index(tmp_path / "index")
    yield index
    index.close()


def add_node(layout: Layout, name: str, requirements: str) -> Path:
    node = layout.comfyui / "custom_nodes" / name
    node.mkdir(parents=True)
    (node / "__init__.py").touch()
    (node / "requirements.txt").write_text(requirements)
    return node


def install(started: Start, *packages: str, **variables: str) -> None:
    """Install as ComfyUI-Manager does while ComfyUI runs."""
    command = ["uv", "pip", "install", "--quiet", "--python", started.program, *packages]
    subprocess.run(command, env=started.environment | variables, check=True)


def version_of(started: Start, package: str) -> str:
    """Return the version that ComfyUI sees, empty where the package is missing."""
    program = f"import {package}; print({package}.__version__)"
    asked = subprocess.run([started.program, "-c", program], capture_output=True, text=True, check=False)
    return asked.stdout.strip()


def test_a_newer_image_brings_the_packages_of_nodes_back(layout: Layout, index: Index) -> None:
    index.add("listed")
    index.add("declared")
    start(layout)
    add_node(layout, "Lists", "listed\n")
    declares = add_node(layout, "Declares", "")
    (declares / "requirements.txt").unlink()
    (declares / "pyproject.toml").write_text('[project]\nname = "x"\ndependencies = ["declared>=1"]\n')
    set_lock_id(layout, "py3-second")
    started = start(layout, **index.variables)
    assert (version_of(started, "listed"), version_of(started, "declared")) == ("1.0", "1.0")
    assert started.report["problems"] == []
    assert "Installing the packages of 2 nodes: Declares, Lists." in started.output


def test_what_was_installed_by_hand_comes_back_in_its_version_and_from_the_volumes_cache(
    layout: Layout, index: Index
) -> None:
    """The index is gone by then."""
    index.add("handmade", "1.0")
    index.add("handmade", "2.0")
    index.add("needed", "1.0")
    first = start(layout, **index.variables)
    add_node(layout, "Node", "needed\n")
    install(first, "handmade==1.0", "needed")
    index.close()
    set_lock_id(layout, "py3-second")
    started = start(layout, **index.variables)
    assert (version_of(started, "handmade"), version_of(started, "needed")) == ("1.0", "1.0")
    assert started.report["problems"] == started.report["notes"] == []


def test_a_package_that_came_from_a_file_is_fetched_from_there_again(layout: Layout, index: Index) -> None:
    wheel = index.add("local")
    install(start(layout, **index.variables), str(wheel))
    set_lock_id(layout, "py3-second")
    assert version_of(start(layout, **index.variables), "local") == "1.0"


def test_packages_of_the_image_are_neither_taken_along_nor_replaced(layout: Layout, index: Index) -> None:
    index.add("torch", "1.0")
    start(layout)
    add_node(layout, "Node", "torch==1.0\n")
    set_lock_id(layout, "py3-second")
    started = start(layout, **index.variables)
    assert started.problems == ["node_left_out"]
    assert not list((layout.venvs / "py3-second").glob("lib/*/site-packages/torch-1.0*"))


def test_a_node_whose_packages_cannot_be_had_is_left_out_and_the_others_are_loaded(
    layout: Layout, index: Index
) -> None:
    index.add("there")
    (layout.baked_nodes / "Baked").mkdir(parents=True)
    start(layout)
    add_node(layout, "Good", "there\n")
    add_node(layout, "Broken", "nowhere-to-be-found\n")
    set_lock_id(layout, "py3-second")
    started = start(layout, **index.variables)
    assert "--disable-all-custom-nodes" in started.arguments
    assert started.arguments_of("--whitelist-custom-nodes") == ["Baked", "Good"]
    (problem,) = started.report["problems"]
    assert problem["code"] == "node_left_out"
    assert problem["message"].startswith("Broken is left out")
    assert "Using Python" not in problem["message"]  # uv's chatter
    assert "nowhere-to-be-found" in problem["message"]
    assert problem["remedy"]


def test_a_node_that_was_left_out_is_tried_again_at_the_next_start(layout: Layout, index: Index) -> None:
    start(layout)
    node = add_node(layout, "Node", "too-new\n")
    set_lock_id(layout, "py3-second")
    assert start(layout, **index.variables).problems == ["node_left_out"]
    index.add("mended")
    (node / "requirements.txt").write_text("mended\n")
    started = start(layout, **index.variables)
    assert started.problems == []
    assert "--disable-all-custom-nodes" not in started.arguments
    assert "Installing" not in start(layout, **index.variables).output


def test_a_node_that_was_removed_is_not_asked_for_again(layout: Layout, index: Index) -> None:
    start(layout)
    node = add_node(layout, "Node", "nowhere-to-be-found\n")
    set_lock_id(layout, "py3-second")
    assert start(layout, **index.variables).problems == ["node_left_out"]
    node.rename(node.with_name("Node.disabled"))
    assert start(layout, **index.variables).problems == []


def test_a_package_that_no_node_asks_for_is_only_mentioned(layout: Layout, index: Index) -> None:
    wheel = index.add("gone")
    install(start(layout, **index.variables), "gone")
    wheel.unlink()
    set_lock_id(layout, "py3-second")
    variables = index.variables | {"UV_CACHE_DIR": str(layout.workspace / "another cache")}
    started = start(layout, **variables)
    assert started.problems == []
    assert started.report["notes"] == ["These packages could not be installed for this image: gone==1.0."]
    assert "--disable-all-custom-nodes" not in started.arguments


def test_the_older_image_finds_its_packages_without_installing_anything(layout: Layout, index: Index) -> None:
    index.add("mine")
    install(start(layout, **index.variables), "mine")
    set_lock_id(layout, "py3-second")
    start(layout, **index.variables)
    index.close()
    set_lock_id(layout, LOCK_ID)
    started = start(layout)
    assert version_of(started, "mine") == "1.0"
    assert "Installing" not in started.output


def test_two_images_that_take_turns_each_get_what_nodes_need_that_came_with_the_other(
    layout: Layout, index: Index
) -> None:
    for name in ("needed", "by-hand", "late"):
        index.add(name)
    start(layout)
    set_lock_id(layout, "py3-second")
    second = start(layout)
    node = add_node(layout, "Node", "needed\n")
    install(second, "needed", "by-hand", **index.variables)
    set_lock_id(layout, LOCK_ID)
    first = start(layout, **index.variables)
    assert (version_of(first, "needed"), version_of(first, "by_hand")) == ("1.0", "1.0")
    assert "Installing" not in start(layout).output
    (node / "requirements.txt").write_text("needed\nlate\n")  # it is updated
    install(first, "late", **index.variables)
    set_lock_id(layout, "py3-second")
    again = start(layout, **index.variables)
    assert version_of(again, "late") == "1.0"
    index.close()
    for lock_id in (LOCK_ID, "py3-second"):
        set_lock_id(layout, lock_id)
        assert "Installing" not in start(layout).output


def test_what_was_installed_while_another_image_started_on_the_same_volume_is_not_missed(
    layout: Layout, index: Index
) -> None:
    index.add("needed")
    first = start(layout)
    set_lock_id(layout, "py3-second")
    start(layout)
    install(first, "needed", **index.variables)  # the first pod still runs
    assert version_of(start(layout, **index.variables), "needed") == "1.0"


def test_packages_of_a_damaged_environment_are_installed_again(layout: Layout, index: Index) -> None:
    index.add("mine")
    install(start(layout, **index.variables), "mine")
    (layout.venvs / LOCK_ID / ".comfypod-lock-id").unlink()
    started = start(layout, **index.variables)
    assert version_of(started, "mine") == "1.0"
    assert started.problems == []
    assert "was damaged" in started.report["notes"][0]


def test_nodes_of_another_images_volume_get_their_packages(layout: Layout, index: Index) -> None:
    index.add("theirs")
    layout.comfyui.mkdir()
    (layout.comfyui / "main.py").write_text("another image")
    add_node(layout, "Theirs", "theirs\n")
    prepare(layout)  # a mount, which the folder that `start` sees is not
    started = start(layout, **index.variables)
    assert version_of(started, "theirs") == "1.0"


def test_safe_mode_installs_nothing_and_forgets_nothing(layout: Layout, index: Index) -> None:
    index.add("later")
    start(layout)
    add_node(layout, "Node", "later\n")
    set_lock_id(layout, "py3-second")
    assert version_of(start(layout, SAFE_MODE="1", **index.variables), "later") == ""
    assert version_of(start(layout, **index.variables), "later") == "1.0"


def test_a_pod_that_is_stopped_while_it_installs_gives_its_lock_back(layout: Layout) -> None:
    start(layout)
    add_node(layout, "Node", "slow\n")
    set_lock_id(layout, "py3-second")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        index = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        environment = unmeasured(environment_of(layout, UV_DEFAULT_INDEX=index, UV_NO_CONFIG="1"))
        service = subprocess.Popen(SERVICE, cwd=ROOT, env=environment, stdout=subprocess.PIPE)
        with service, silent.accept()[0]:  # uv asks, and is not answered
            assert (layout.state / "py3-second.installing.lock").is_dir()
            service.terminate()
    assert service.returncode == 128 + signal.SIGTERM
    assert not list(layout.state.glob("*.lock"))
