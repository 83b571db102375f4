"""The ComfyUI stand-in refuses and answers as the real one does."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.support.comfyui.process import MAIN, running_comfyui


@pytest.fixture
def base(tmp_path: Path) -> Path:
    return tmp_path


@pytest.fixture
def url(base: Path) -> Iterator[str]:
    with running_comfyui(base) as url:
        yield url


def test_every_route_answers_bare_and_below_api(url: str) -> None:
    for prefix in ("", "/api"):
        assert httpx.get(f"{url}{prefix}/system_stats").json()["system"]["comfyui_version"]
        assert httpx.get(f"{url}{prefix}/queue").json() == {"queue_running": [], "queue_pending": []}


def test_other_sites_and_other_origins_are_refused(url: str) -> None:
    assert httpx.get(url, headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403
    assert httpx.get(url, headers={"Origin": "http://elsewhere.example"}).status_code == 403
    assert httpx.get(url, headers={"Origin": url}).status_code == 200


def test_off_loopback_the_origin_is_not_looked_at(url: str) -> None:
    headers = {"Host": "pod.example:3001", "Origin": "http://pod.example:4000"}
    assert httpx.get(url, headers=headers).status_code == 200


def test_models_on_disk_are_offered_and_unknown_folders_are_not(url: str, base: Path) -> None:
    (base / "models/vae/ae.safetensors").touch()
    (base / "models/vae/half.safetensors.part").touch()
    assert httpx.get(f"{url}/models/vae").json() == ["ae.safetensors"]
    assert httpx.get(f"{url}/models/nothing").status_code == 404


def test_nodes_are_described_and_unknown_ones_are_not(url: str, base: Path) -> None:
    (base / "models/vae/ae.safetensors").touch()
    everything = httpx.get(f"{url}/object_info").json()
    assert everything["VAELoader"]["input"]["required"]["vae_name"][0] == ["ae.safetensors"]
    assert everything["VAELoader"]["python_module"] == "nodes"
    assert httpx.get(f"{url}/object_info/VAELoader").json() == {"VAELoader": everything["VAELoader"]}
    assert httpx.get(f"{url}/object_info/NoSuchNode").json() == {}


def test_nodes_of_installed_packages_are_described_too(tmp_path: Path) -> None:
    package = tmp_path / "custom_nodes/comfy-extra"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text('NODE_CLASS_MAPPINGS = {"Extra/Node (mine)": object}\n')
    with running_comfyui(tmp_path) as url:
        answer = httpx.get(f"{url}/object_info/Extra%2FNode%20(mine)").json()
    assert answer["Extra/Node (mine)"]["python_module"] == "custom_nodes.comfy-extra"


def test_a_prompt_without_outputs_is_refused(url: str) -> None:
    answer = httpx.post(f"{url}/prompt", json={"prompt": {}})
    assert (answer.status_code, answer.json()["error"]["type"]) == (400, "prompt_no_outputs")


def test_an_unknown_flag_is_an_error() -> None:
    done = subprocess.run([sys.executable, str(MAIN), "--no-such-flag"], capture_output=True, check=False)
    assert done.returncode == 2
