"""Can this image's PyTorch run on this machine's driver and GPU?"""

import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import pynvml

# A driver that works answers within a second or two, on a host with eight GPUs.
PATIENCE_SECONDS = 30

Version = tuple[int, int]


@dataclass(frozen=True, kw_only=True)
class Image:
    """What the image was built for."""

    # None for an image without CUDA.
    cuda: str | None
    # PyTorch's list, such as sm_86 and compute_120. Empty where it is not known.
    architectures: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Driver:
    """What the driver says, by NVML and by CUDA's own library."""

    version: str
    # The newest CUDA that it can run.
    cuda: Version
    devices: list[str]
    # The newest of the devices' compute capabilities.
    capability: Version | None = None
    # Why CUDA does not come up, though there is a GPU.
    refusal: str | None = None


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
    """Decide between GPU and CPU, with the reason in plain words."""
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
    """A word and a sentence for what keeps the GPU from being used."""
    # Within one major version newer libraries run on older drivers; across major versions they do not.
    if driver.cuda[0] < int(cuda.partition(".")[0]):
        return "driver_too_old", (
            f"Driver {driver.version} supports CUDA {_dotted(driver.cuda)}, and this image needs CUDA {cuda}. "
            "ComfyUI runs on the CPU. Choose a host with a newer driver, or an image for an older CUDA."
        )
    if driver.refusal:
        return "gpu_unusable", (
            f"{driver.devices[0]} is there, but CUDA cannot use it ({driver.refusal}). ComfyUI runs on the CPU. "
            "The host is at fault: stop this pod and rent another."
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
    """Machine code (sm) runs on its own and later minor versions of one major, PTX (compute) on everything later.

    A letter behind it binds it to that one GPU family.
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
    """None where there is no driver."""
    seen = _ask_nvml()
    if seen is None or not seen.devices:
        return seen
    answer = _ask_cuda()
    if answer["error"]:
        return replace(seen, refusal=answer["error"])
    return replace(
        seen, capability=max((tuple(device["capability"]) for device in answer["devices"]), default=None)
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
        done = subprocess.run(command, capture_output=True, timeout=PATIENCE_SECONDS, check=True)
    except subprocess.TimeoutExpired:
        return {"error": f"no answer within {PATIENCE_SECONDS} seconds"}
    except subprocess.CalledProcessError as error:
        return {"error": f"asking it ended with code {error.returncode}"}
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer
