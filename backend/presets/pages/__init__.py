"""HTML routes of presets."""
