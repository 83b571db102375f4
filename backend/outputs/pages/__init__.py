"""HTML routes of outputs."""
