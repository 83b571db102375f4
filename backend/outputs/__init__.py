"""What ComfyUI has made: the files below its output folder."""
