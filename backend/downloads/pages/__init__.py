"""HTML routes of downloads."""
