"""The assistant in the control plane: page, API, and the agents process that does the work."""
