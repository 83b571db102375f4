"""Input files: pictures, videos and sounds that workflows load, in ComfyUI's input folder."""
