"""Decides whether this image's PyTorch can use this machine's driver and GPU."""

import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import pynvml

# A working driver needs a second or two on a host with eight GPUs.
DRIVER_TIMEOUT_SECONDS = 30

Version = tuple[int, int]


@dataclass(frozen=True, kw_only=True)
class Image:
    """The hardware that the image was built for."""

    # None for an image without CUDA.
    cuda: str | None
    # PyTorch's list, such as sm_86 and compute_120; empty if unknown.
    architectures: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Driver:
    """The driver as NVML and CUDA's own library describe it."""

    version: str
    # The newest CUDA that it supports.
    cuda: Version
    devices: list[str]
    # The newest of the devices' compute capabilities.
    capability: Version | None = None
    # Why CUDA does not start although there is a GPU.
    error: str | None = None


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """`accelerator.json`."""

    kind: str
    # ok, cpu_image, no_gpu, driver_too_old, gpu_unusable or gpu_not_supported
    verdict: str
    message: str
    driver: str | None = None
    cuda_driver: str | None = None
    cuda_image: str | None = None
    devices: list[str] | None = None

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def image_from(facts: Mapping[str, Any]) -> Image:
    return Image(cuda=facts["cuda"], architectures=tuple(facts["architectures"]))


def judge(image: Image, probe: Callable[[], Driver | None]) -> Verdict:
    """Decide between GPU and CPU, and give the reason."""
    if image.cuda is None:
        return Verdict(kind="cpu", verdict="cpu_image", message="This image runs ComfyUI on the CPU.")
    driver = probe()
    if driver is None or not driver.devices:
        return Verdict(
            kind="cpu",
            verdict="no_gpu",
            message="No NVIDIA GPU was found, so ComfyUI runs on the CPU, which is slow. Rent a pod with a GPU, "
            "or start the container with --gpus all.",
            cuda_image=image.cuda,
        )
    found = Verdict(
        kind="cuda",
        verdict="ok",
        message=f"{driver.devices[0]} is ready.",
        driver=driver.version,
        cuda_driver=_dotted(driver.cuda),
        cuda_image=image.cuda,
        devices=driver.devices,
    )
    fault = _fault(driver, image.cuda, image.architectures)
    return replace(found, kind="cpu", verdict=fault[0], message=fault[1]) if fault else found


def _fault(driver: Driver, cuda: str, architectures: Iterable[str]) -> tuple[str, str] | None:
    """Return a code and a message for a GPU that cannot be used."""
    # Within one major version newer libraries run on older drivers; across major versions they do not.
    if driver.cuda[0] < int(cuda.partition(".")[0]):
        return "driver_too_old", (
            f"Driver {driver.version} supports CUDA {_dotted(driver.cuda)}, and this image needs CUDA {cuda}. "
            "ComfyUI runs on the CPU. Choose a host with a newer driver, or an image for an older CUDA."
        )
    if driver.error:
        return "gpu_unusable", (
            f"CUDA cannot use {driver.devices[0]} ({driver.error}). ComfyUI runs on the CPU. The host is faulty: stop this "
            "pod and rent another."
        )
    built_for = [architecture for architecture in architectures if _parsed(architecture)]
    if built_for and driver.capability and not any(_runs(name, driver.capability) for name in built_for):
        return "gpu_not_supported", (
            f"{driver.devices[0]} has compute capability {_dotted(driver.capability)}, and this image's PyTorch was "
            f"built for {', '.join(built_for)}. ComfyUI runs on the CPU. Choose another GPU, or "
            f"{_other_image(built_for, driver.capability)}."
        )
    return None


def _runs(architecture: str, capability: Version) -> bool:
    """Machine code (sm) runs on its own and later minor versions of one major version, PTX (compute) on all later ones.

    A letter at the end restricts it to one GPU family.
    """
    parsed = _parsed(architecture)
    if parsed is None:
        return False
    kind, version, bound = parsed
    if bound:
        return version == capability
    return version <= capability and (kind == "compute" or version[0] == capability[0])


def _parsed(architecture: str) -> tuple[str, Version, bool] | None:
    match = re.fullmatch(r"(sm|compute)_(\d+)(\d)([a-z]?)", architecture)
    return (match[1], (int(match[2]), int(match[3])), bool(match[4])) if match else None


def _other_image(built_for: Iterable[str], capability: Version) -> str:
    oldest = min(parsed[1] for name in built_for if (parsed := _parsed(name)))
    return "an image for an older CUDA" if capability < oldest else "an image for a newer CUDA"


def _dotted(version: Version) -> str:
    return f"{version[0]}.{version[1]}"


def probe() -> Driver | None:
    """Return None where there is no driver."""
    driver = _ask_nvml()
    if driver is None or not driver.devices:
        return driver
    answer = _ask_cuda()
    if answer["error"]:
        return replace(driver, error=answer["error"])
    return replace(
        driver, capability=max((tuple(device["capability"]) for device in answer["devices"]), default=None)
    )


def _ask_nvml() -> Driver | None:
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        return None
    try:
        cuda = pynvml.nvmlSystemGetCudaDriverVersion_v2()
        handles = [pynvml.nvmlDeviceGetHandleByIndex(index) for index in range(pynvml.nvmlDeviceGetCount())]
        return Driver(
            version=pynvml.nvmlSystemGetDriverVersion(),
            cuda=(cuda // 1000, cuda % 1000 // 10),
            devices=[pynvml.nvmlDeviceGetName(handle) for handle in handles],
        )
    except pynvml.NVMLError:
        return None
    finally:
        pynvml.nvmlShutdown()


def _ask_cuda() -> dict[str, Any]:
    command = [sys.executable, "-m", "scripts.workspace.cuda"]
    try:
        done = subprocess.run(command, capture_output=True, timeout=DRIVER_TIMEOUT_SECONDS, check=True)
    except subprocess.TimeoutExpired:
        return {"error": f"no response within {DRIVER_TIMEOUT_SECONDS} seconds"}
    except subprocess.CalledProcessError as error:
        return {"error": f"the test ended with code {error.returncode}"}
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer
