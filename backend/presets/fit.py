"""Estimate whether a preset runs on this pod. An estimate only: how much memory a model needs depends on its use."""

from dataclasses import dataclass

from backend.presets.models import Preset

GIB = 2**30
# Beside the largest weights: activations, and the encoder that shares the GPU for a moment.
OVERHEAD = 1.15


@dataclass(frozen=True, kw_only=True)
class Machine:
    """What this pod has. None: unknown, so nothing is refused because of it."""

    free_bytes: int
    gpu_bytes: int | None


def size_of(preset: Preset) -> int | None:
    """Return the bytes of all files, as far as the definition states them."""
    sizes = [file.bytes for file in preset.files]
    return preset.disk_bytes if None in sizes else sum(size or 0 for size in sizes)


def gpu_bytes_of(preset: Preset) -> int | None:
    """Return the GPU memory that it needs: as stated, else estimated from its largest weights."""
    if preset.vram_gb:
        return int(preset.vram_gb * GIB)
    sizes = [file.bytes for file in preset.files if file.bytes]
    largest = max(sizes, default=None)
    if largest is None:
        return None if preset.disk_bytes is None else int(preset.disk_bytes * OVERHEAD / len(preset.files))
    return int(largest * OVERHEAD)


def fits(preset: Preset, machine: Machine, *, is_installed: bool) -> bool:
    size, gpu = size_of(preset), gpu_bytes_of(preset)
    if size is not None and not is_installed and size > machine.free_bytes:
        return False
    return gpu is None or machine.gpu_bytes is None or gpu <= machine.gpu_bytes
