"""A ComfyUI graph as a document: read, convert, bind inputs."""
