"""Can this image's CUDA run on this machine's driver?"""

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Any

import pynvml


@dataclass(frozen=True, kw_only=True)
class Driver:
    """What NVML says. `cuda` is the newest CUDA that the driver can run, as (major, minor)."""

    version: str
    cuda: tuple[int, int]
    devices: list[str]


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """`accelerator.json`."""

    kind: str
    verdict: str
    message: str
    driver: str | None = None
    cuda_driver: str | None = None
    cuda_image: str | None = None
    devices: list[str] | None = None

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def judge(cuda_image: str | None, probe: Callable[[], Driver | None]) -> Verdict:
    """Decide between GPU and CPU, with the reason in plain words."""
    if cuda_image is None:
        return Verdict(kind="cpu", verdict="cpu_image", message="This image runs ComfyUI on the CPU.")
    driver = probe()
    if driver is None or not driver.devices:
        return Verdict(
            kind="cpu",
            verdict="no_gpu",
            message="No NVIDIA GPU was found, so ComfyUI runs on the CPU, which is slow. Rent a pod with a GPU, "
            "or start the container with --gpus all.",
            cuda_image=cuda_image,
        )
    supported = f"{driver.cuda[0]}.{driver.cuda[1]}"
    found = Verdict(
        kind="cuda",
        verdict="ok",
        message=f"{driver.devices[0]} is ready.",
        driver=driver.version,
        cuda_driver=supported,
        cuda_image=cuda_image,
        devices=driver.devices,
    )
    # Within one major version newer libraries run on older drivers; across major versions they do not.
    if driver.cuda[0] >= int(cuda_image.partition(".")[0]):
        return found
    message = (
        f"Driver {driver.version} supports CUDA {supported}, and this image needs CUDA {cuda_image}. "
        "ComfyUI runs on the CPU. Choose a host with a newer driver, or an image for an older CUDA."
    )
    return replace(found, kind="cpu", verdict="driver_too_old", message=message)


def probe_nvml() -> Driver | None:
    """None where there is no driver."""
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
