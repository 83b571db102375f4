"""A ComfyUI graph as a document: read it, convert it to a prompt, bind its inputs."""
