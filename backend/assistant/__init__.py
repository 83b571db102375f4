"""The assistant in the control plane: its page, its API, and the control of the agents process."""
