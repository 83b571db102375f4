"""Reads the URLs that users paste, and requests what they name: Hugging Face, Civitai, any web server."""
