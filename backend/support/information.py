"""Information about the machine and its software, which the settings page shows."""

import platform
from importlib import metadata

from backend.core.formatting import format_bytes, format_gpu_memory, format_time_span
from backend.system.models import Gpu, SystemView

# Packages whose versions help to find a fault.
PACKAGES = ("fastapi", "starlette", "uvicorn", "pydantic", "httpx", "aiosqlite", "apprise", "mcp")


def software() -> dict[str, str]:
    """Return the versions of Python, the system and the main packages."""
    versions = {"python": platform.python_version(), "system": platform.platform()}
    for name in PACKAGES:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            versions[name] = "not installed"
    return versions


def facts_of(system: SystemView) -> list[tuple[str, str]]:
    """Return label and text of each fact."""
    comfyui = system.comfyui
    return [
        ("ComfyPod", system.version),
        ("ComfyUI", comfyui.version or ("starting" if comfyui.up else "does not answer")),
        ("Python", platform.python_version()),
        ("System", f"{platform.system()} {platform.release()}"),
        ("GPU", ", ".join(map(_gpu, system.accelerator.devices)) or "none"),
        ("Memory", format_bytes(system.memory.total)),
        ("Disk", f"{format_bytes(system.disk.total)}, {format_bytes(system.disk.free)} free"),
        ("Control plane up", format_time_span(system.uptime_seconds)),
    ]


def _gpu(gpu: Gpu) -> str:
    return f"{gpu.name}, {format_gpu_memory(gpu.memory_total)}" if gpu.memory_total else gpu.name
