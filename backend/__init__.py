"""The control plane that runs inside a ComfyPod."""

__version__ = "0.1.0"
