"""A model hub on loopback: Hugging Face, Civitai and plain files, with faults on demand."""

from tests.support.hub.hub import Hub, running_hub

__all__ = ["Hub", "running_hub"]
