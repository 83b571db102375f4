"""Read the GPUs through NVML. Calls block while the driver blocks."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pynvml

from backend.system.models import Gpu


def read_gpus() -> list[Gpu]:
    """Return every GPU of this machine; an empty list without a driver."""
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
    """Read one device. Each value is queried by itself, because a device may support some and reject others."""
    device = _query(pynvml.nvmlDeviceGetHandleByIndex, index)
    if device is None:
        return Gpu(
            name=f"GPU {index}", memory_total=None, memory_used=None, utilisation=None, temperature=None
        )
    memory = _query(pynvml.nvmlDeviceGetMemoryInfo, device)
    utilisation = _query(pynvml.nvmlDeviceGetUtilizationRates, device)
    return Gpu(
        name=_query(pynvml.nvmlDeviceGetName, device) or f"GPU {index}",
        memory_total=memory and memory.total,
        memory_used=memory and memory.used,
        utilisation=utilisation and utilisation.gpu,
        temperature=_query(pynvml.nvmlDeviceGetTemperature, device, pynvml.NVML_TEMPERATURE_GPU),
        power=_watts(device),
    )


def _watts(device: Any) -> float | None:
    milliwatts = _query(pynvml.nvmlDeviceGetPowerUsage, device)
    return None if milliwatts is None else milliwatts / 1000


def _query(query: Callable[..., Any], *arguments: Any) -> Any:
    """Call `query`; return None when the driver rejects it: not supported, no permission, device lost."""
    try:
        return query(*arguments)
    except pynvml.NVMLError:
        return None
