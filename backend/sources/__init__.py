"""What is behind an address, and the way to it: Hugging Face, Civitai, any web server."""
