"""`python -m scripts.workspace.cuda`: what CUDA's own driver library says, as JSON.

A process of its own, because a broken driver may crash or hang whoever asks it. NVML does not tell: a GPU that has
fallen off its bus, or a container without the device files, still looks well to it.
"""

import ctypes
import json
from typing import Any

LIBRARY = "libcuda.so.1"
# CUresult and CUdevice_attribute of cuda.h
SUCCESS = 0
CAPABILITY_MAJOR = 75
CAPABILITY_MINOR = 76


class Refused(Exception):
    """CUDA's name for what is wrong."""


def ask() -> dict[str, Any]:
    """`error`, or `cuda` (the newest version that the driver runs) and `devices` with name and compute capability."""
    try:
        library = ctypes.CDLL(LIBRARY)
        _call(library, "cuInit", 0)
        version = _number(library, "cuDriverGetVersion")
        devices = [_device(library, index) for index in range(_number(library, "cuDeviceGetCount"))]
    except (OSError, AttributeError) as error:
        return {"error": str(error)}
    except Refused as refused:
        return {"error": str(refused)}
    return {"error": None, "cuda": [version // 1000, version % 1000 // 10], "devices": devices}


def _device(library: ctypes.CDLL, index: int) -> dict[str, Any]:
    device = _number(library, "cuDeviceGet", index)
    name = ctypes.create_string_buffer(256)
    _call(library, "cuDeviceGetName", name, len(name), device)
    capability = [
        _number(library, "cuDeviceGetAttribute", attribute, device)
        for attribute in (CAPABILITY_MAJOR, CAPABILITY_MINOR)
    ]
    return {"name": name.value.decode(), "capability": capability}


def _number(library: ctypes.CDLL, function: str, *arguments: int) -> int:
    """What the function writes where its first argument points."""
    answer = ctypes.c_int()
    _call(library, function, ctypes.byref(answer), *arguments)
    return answer.value


def _call(library: ctypes.CDLL, function: str, *arguments: Any) -> None:
    code = getattr(library, function)(*arguments)
    if code != SUCCESS:
        name = ctypes.c_char_p()
        library.cuGetErrorName(code, ctypes.byref(name))
        raise Refused(name.value.decode() if name.value else f"error {code}")


if __name__ == "__main__":
    print(json.dumps(ask()))
