"""Custom nodes on the volume: what is there, and install, update, disable, remove."""
