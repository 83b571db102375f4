"""The control plane: its features, started and served as one application."""
