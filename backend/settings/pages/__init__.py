"""HTML routes of settings: one page with a section for each thing that can be set."""
