"""Reads the GPUs through NVML."""

from collections.abc import Iterator
from contextlib import contextmanager

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
    device = pynvml.nvmlDeviceGetHandleByIndex(index)
    memory = pynvml.nvmlDeviceGetMemoryInfo(device)
    return Gpu(
        name=pynvml.nvmlDeviceGetName(device),
        memory_total=int(memory.total),
        memory_used=int(memory.used),
        utilisation=int(pynvml.nvmlDeviceGetUtilizationRates(device).gpu),
        temperature=_temperature(device),
    )


def _temperature(device: object) -> int | None:
    try:
        return int(pynvml.nvmlDeviceGetTemperature(device, pynvml.NVML_TEMPERATURE_GPU))
    except pynvml.NVMLError:
        return None
