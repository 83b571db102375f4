"""Every source of an image is pinned and described."""

import re
import tomllib
from pathlib import Path

import pytest

from tests.image.support.bake import ACCELERATORS, ROOT

DOCKERFILE = (ROOT / "Dockerfile").read_text()
LOCKS = ROOT / "images" / "locks"
HASHED = (
    "uv",
    "node",
    "comfyui",
    "standard",
    "full",
    "torch-13-0",
    "jupyter",
    "cuda-12-6",
    "cuda-12-8",
    "cuda-13-0",
)
NODE_LISTS = ("standard", "full")


def pins(lock: Path) -> dict[str, str]:
    return dict(re.findall(r"^([a-z0-9][a-z0-9._-]*)==([^\s;\\]+)", lock.read_text(), re.MULTILINE))


def nodes(name: str) -> list[dict[str, object]]:
    listed: list[dict[str, object]] = tomllib.loads((ROOT / "images" / "nodes" / f"{name}.toml").read_text())[
        "node"
    ]
    return listed


def test_the_default_base_is_pinned_by_digest() -> None:
    assert re.search(r"^ARG BASE_DIGEST=sha256:[0-9a-f]{64}$", DOCKERFILE, re.MULTILINE)
    assert "\nARG BASE_IMAGE=${BASE_NAME}@${BASE_DIGEST}\n" in DOCKERFILE


def test_comfyui_is_pinned_by_tag_and_commit() -> None:
    assert re.search(r"^ARG COMFYUI_TAG=v\d+\.\d+\.\d+$", DOCKERFILE, re.MULTILINE)
    assert re.search(r"^ARG COMFYUI_COMMIT=[0-9a-f]{40}$", DOCKERFILE, re.MULTILINE)


def test_code_server_is_pinned_by_hash_and_installed_by_its_own_lock() -> None:
    script = (ROOT / "scripts/build/code_server.sh").read_text()
    assert re.search(r"^SHA512=[0-9a-f]{128}$", script, re.MULTILINE)
    assert "sha512sum --check" in script
    assert re.findall(r"^npm (?:--prefix \S+ )?(\S+)", script, re.MULTILINE) == ["pack", "ci"]


def test_no_frontend_is_fetched() -> None:
    assert not re.match(r"#\s*syntax\s*=", DOCKERFILE)


@pytest.mark.parametrize("accelerator", ACCELERATORS)
def test_the_torch_set_is_pinned_per_accelerator(accelerator: str) -> None:
    set_ = pins(LOCKS / f"torch-{accelerator}.txt")
    assert {"torch", "torchvision", "torchaudio"} <= set(set_)


@pytest.mark.parametrize("lock", HASHED)
def test_every_package_of_a_lock_has_hashes(lock: str) -> None:
    text = (LOCKS / f"{lock}.txt").read_text()
    entries = re.split(r"^(?=[a-z0-9])", text, flags=re.MULTILINE)[1:]
    assert entries
    assert all("--hash=sha256:" in entry for entry in entries)


@pytest.mark.parametrize("lock", ["comfyui", "standard", "full"])
def test_no_other_lock_brings_a_torch(lock: str) -> None:
    brought = set(pins(LOCKS / f"{lock}.txt"))
    assert not {name for name in brought if name.startswith(("nvidia-cu", "nvidia-nccl"))}
    assert not {"torch", "torchvision", "torchaudio", "triton"} & brought


@pytest.mark.parametrize("lock", ["comfyui", "standard", "full"])
def test_one_opencv_and_one_onnxruntime_at_most(lock: str) -> None:
    unwanted = {"opencv-python", "opencv-python-headless", "opencv-contrib-python", "onnxruntime-gpu"}
    assert not unwanted & set(pins(LOCKS / f"{lock}.txt"))


def test_locks_agree_where_they_overlap() -> None:
    seen: dict[str, str] = {}
    for lock in ("torch-13-0", "comfyui", "standard", "full"):
        for name, version in pins(LOCKS / f"{lock}.txt").items():
            assert seen.setdefault(name, version) == version, name


@pytest.mark.parametrize("name", NODE_LISTS)
def test_every_baked_node_has_its_source_and_reason(name: str) -> None:
    for node in nodes(name):
        assert {"name", "repository", "commit", "licence", "why", "requirements"} <= set(node)
        assert re.fullmatch(r"[0-9a-f]{40}", str(node["commit"]))


def test_no_node_is_baked_twice() -> None:
    names = [node["name"] for name in NODE_LISTS for node in nodes(name)]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("name", NODE_LISTS)
def test_no_baked_node_forbids_commercial_use(name: str) -> None:
    assert not [node["name"] for node in nodes(name) if "noncommercial" in str(node["licence"]).lower()]
