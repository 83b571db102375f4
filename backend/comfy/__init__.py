"""The only place that speaks to ComfyUI."""
