"""Reads the GPUs through NVML. Blocks for as long as the driver does."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pynvml

from backend.system.models import Gpu


def read_gpus() -> list[Gpu]:
    """Every GPU of this machine; empty where there is no driver."""
    try:
        with _nvml():
            return [_read(index) for index in range(pynvml.nvmlDeviceGetCount())]
    except pynvml.NVMLError:
        return []


@contextmanager
def _nvml() -> Iterator[None]:
    pynvml.nvmlInit()
    try:
        yield
    finally:
        pynvml.nvmlShutdown()


def _read(index: int) -> Gpu:
    """What one device does not tell says nothing about its other figures, nor about other devices."""
    device = _told(pynvml.nvmlDeviceGetHandleByIndex, index)
    if device is None:
        return Gpu(
            name=f"GPU {index}", memory_total=None, memory_used=None, utilisation=None, temperature=None
        )
    memory = _told(pynvml.nvmlDeviceGetMemoryInfo, device)
    utilisation = _told(pynvml.nvmlDeviceGetUtilizationRates, device)
    return Gpu(
        name=_told(pynvml.nvmlDeviceGetName, device) or f"GPU {index}",
        memory_total=memory and memory.total,
        memory_used=memory and memory.used,
        utilisation=utilisation and utilisation.gpu,
        temperature=_told(pynvml.nvmlDeviceGetTemperature, device, pynvml.NVML_TEMPERATURE_GPU),
    )


def _told(question: Callable[..., Any], *arguments: Any) -> Any:
    """None where the driver refuses: not supported, no permission, device lost."""
    try:
        return question(*arguments)
    except pynvml.NVMLError:
        return None
