"""The trash: deleted models and outputs on the volume, until they are restored or expire."""
