"""One control plane for the tests of a module; each test makes workflows of its own."""

from tests.support.comfyui_pod import comfyui, pod, volume

__all__ = ["comfyui", "pod", "volume"]
