"""ComfyUI's own editor in a browser, as the reference for the conversion of workflows."""
