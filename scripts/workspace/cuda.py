"""`python -m scripts.workspace.cuda` prints as JSON how CUDA's own driver library sees the GPUs.

It is a separate process, because a broken driver may crash or hang the caller. NVML is not enough: it reports a GPU
that has fallen off its bus, or one without device files in the container, as healthy.
"""

import ctypes
import json
from typing import Any

LIBRARY = "libcuda.so.1"
# CUresult and CUdevice_attribute of cuda.h
SUCCESS = 0
CAPABILITY_MAJOR = 75
CAPABILITY_MINOR = 76


class CudaError(Exception):
    """A call failed; the message is CUDA's name of the error."""


def ask() -> dict[str, Any]:
    """Return `error`, or `cuda` (the newest version that the driver supports) and `devices` with their capabilities."""
    try:
        library = ctypes.CDLL(LIBRARY)
        _call(library, "cuInit", 0)
        version = _number(library, "cuDriverGetVersion")
        devices = [_device(library, index) for index in range(_number(library, "cuDeviceGetCount"))]
    except (OSError, AttributeError) as error:
        return {"error": str(error)}
    except CudaError as error:
        return {"error": str(error)}
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
    """Return the number that the function writes to its first argument."""
    answer = ctypes.c_int()
    _call(library, function, ctypes.byref(answer), *arguments)
    return answer.value


def _call(library: ctypes.CDLL, function: str, *arguments: Any) -> None:
    code = getattr(library, function)(*arguments)
    if code != SUCCESS:
        name = ctypes.c_char_p()
        library.cuGetErrorName(code, ctypes.byref(name))
        raise CudaError(name.value.decode() if name.value else f"error {code}")


if __name__ == "__main__":
    print(json.dumps(ask()))
