"""A stand-in for ComfyUI: `tree/` is laid out like the real one, so images can be built with it."""
