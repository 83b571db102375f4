"""Outputs: the files below ComfyUI's output folder."""
