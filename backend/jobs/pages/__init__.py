"""HTML routes of jobs."""
