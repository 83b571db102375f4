"""HTML routes of storage."""
