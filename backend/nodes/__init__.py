"""Custom nodes on the volume: list, install, update, disable, remove."""
