"""The GPU is used when driver, CUDA and PyTorch agree on it; otherwise ComfyUI runs on the CPU and says why."""

import dataclasses
import json
import os
import subprocess
import sys

import pytest

from scripts.workspace.accelerator import Driver, Image, judge
from tests.scripts.conftest import ROOT

BUILT_FOR = ("sm_75", "sm_80", "sm_86", "sm_90", "sm_100", "sm_120")
CARD = Driver(version="580.1", cuda=(13, 0), devices=["A card"], capability=(9, 0))


@pytest.mark.parametrize(
    ("cuda_image", "cuda_driver", "verdict"),
    [
        ("13.0", (12, 8), "driver_too_old"),
        ("13.0", (13, 0), "ok"),
        ("12.8", (12, 4), "ok"),
        ("12.6", (13, 1), "ok"),
    ],
)
def test_the_driver_must_know_the_images_cuda(
    cuda_image: str, cuda_driver: tuple[int, int], verdict: str
) -> None:
    judged = judge(Image(cuda=cuda_image), lambda: dataclasses.replace(CARD, cuda=cuda_driver))
    assert judged.verdict == verdict
    assert judged.kind == ("cuda" if verdict == "ok" else "cpu")


@pytest.mark.parametrize(
    ("capability", "built_for", "supported"),
    [
        ((9, 0), BUILT_FOR, True),
        ((8, 9), BUILT_FOR, True),  # 8.6's code runs on it
        ((12, 1), BUILT_FOR, True),
        ((6, 1), BUILT_FOR, False),
        ((11, 0), BUILT_FOR, False),
        ((11, 0), (*BUILT_FOR, "compute_100"), True),  # compiled on the spot
        ((9, 0), ("sm_90a",), True),
        ((12, 1), ("sm_120a",), False),
        ((6, 1), (), True),  # not known: ComfyUI will tell
        ((6, 1), ("gfx1100",), True),
    ],
)
def test_pytorch_must_hold_code_for_the_gpu(
    capability: tuple[int, int], built_for: tuple[str, ...], supported: bool
) -> None:
    image = Image(cuda="13.0", architectures=built_for)
    judged = judge(image, lambda: dataclasses.replace(CARD, capability=capability))
    assert judged.verdict == ("ok" if supported else "gpu_not_supported")


def test_an_old_gpu_is_told_of_the_image_for_it() -> None:
    image = Image(cuda="13.0", architectures=BUILT_FOR)
    judged = judge(image, lambda: dataclasses.replace(CARD, capability=(6, 1)))
    assert "compute capability 6.1" in judged.message
    assert "an image for an older CUDA" in judged.message


def test_a_gpu_that_cuda_cannot_use_is_the_hosts_fault() -> None:
    judged = judge(Image(cuda="13.0"), lambda: dataclasses.replace(CARD, error="CUDA_ERROR_UNKNOWN"))
    assert (judged.kind, judged.verdict) == ("cpu", "gpu_unusable")
    assert "CUDA_ERROR_UNKNOWN" in judged.message
    assert "rent another" in judged.message


def test_without_a_gpu_comfyui_runs_on_the_cpu_and_says_so() -> None:
    judged = judge(Image(cuda="13.0"), lambda: None)
    assert (judged.kind, judged.verdict) == ("cpu", "no_gpu")
    assert "--gpus all" in judged.message


def test_an_image_for_the_cpu_asks_no_driver() -> None:
    def never() -> Driver | None:
        raise AssertionError("asked")

    assert judge(Image(cuda=None), never).verdict == "cpu_image"


def test_a_machine_without_cudas_library_is_told_as_json() -> None:
    """With the library's folder hidden, as in a container that was started without the GPU."""
    asked = subprocess.run(
        [sys.executable, "-m", "scripts.workspace.cuda"],
        cwd=ROOT,
        env=os.environ | {"CUDA_VISIBLE_DEVICES": ""},
        capture_output=True,
        check=True,
    )
    assert json.loads(asked.stdout)["error"]
