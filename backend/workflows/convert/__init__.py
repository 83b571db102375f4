"""Converts the graph that the editor saves to the prompt that ComfyUI runs, as the editor itself does."""

from backend.workflows.convert.prompt import Conversion, convert, literal

__all__ = ["Conversion", "convert", "literal"]
