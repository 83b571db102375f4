"""The catalogue: what to install for a workflow."""
